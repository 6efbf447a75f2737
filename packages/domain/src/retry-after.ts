const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const TIME = String.raw`(?<time>\d{2}:\d{2}:\d{2})`;
const MONTH = `(?<month>${MONTHS.join('|')})`;
const DAY_NAME = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
// The three forms of RFC 9110, 5.6.7. Date.parse alone takes almost anything for a date.
const HTTP_DATES = [
  new RegExp(String.raw`^${DAY_NAME}, (?<day>\d{2}) ${MONTH} (?<year>\d{4}) ${TIME} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]+day, (?<day>\d{2})-${MONTH}-(?<year>\d{2}) ${TIME} GMT$`),
  new RegExp(String.raw`^${DAY_NAME} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`),
];

/**
 * The delay that a `Retry-After` header asks for, in ms from now: seconds, or an HTTP date (RFC 9110, 10.2.3). 0 for
 * a date that has passed; null when the header is missing or anything else.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  const text = value?.trim();
  if (!text) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = parseHttpDate(text, nowMs);
  return atMs === null ? null : Math.max(0, atMs - nowMs);
}

function parseHttpDate(text: string, nowMs: number): number | null {
  for (const form of HTTP_DATES) {
    const parts = form.exec(text)?.groups;
    if (!parts) continue;
    const month = String(MONTHS.indexOf(parts.month!) + 1).padStart(2, '0');
    const day = parts.day!.trim().padStart(2, '0');
    const year = parts.year!.length === 2 ? fullYear(Number(parts.year), nowMs) : parts.year;
    const atMs = Date.parse(`${year}-${month}-${day}T${parts.time}Z`);
    return Number.isNaN(atMs) ? null : atMs;
  }
  return null;
}

/** A two-digit year that seems more than 50 years in the future is the past one (RFC 9110, 5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
