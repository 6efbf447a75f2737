import { refuseText, refuseUrl, type DestinationPolicy } from '@dits/domain';

const MAX_LENGTH = 2_048;

/**
 * What is wrong with a webhook's url, or null. Where it leads is judged as far as the url alone tells; the addresses of a
 * name are judged by the dispatcher whenever it connects, because they may be others then.
 */
export function webhookUrlProblem(url: string, destinations: DestinationPolicy): string | null {
  if (url.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  // The URL parser would drop these silently; what is stored is what is posted to.
  if (/[\s\p{Cc}]/u.test(url)) return 'must not hold white space or control characters';
  if (!url.isWellFormed()) return 'must be well-formed Unicode (it holds a lone surrogate)';
  const parsed = URL.parse(url);
  if (!parsed) return refuseText().message;
  const refusal = refuseUrl(parsed, destinations);
  if (refusal) return refusal.message;
  if (!/^https?:\/\//i.test(url)) return 'must begin with https:// or http://';
  if (parsed.hash || url.includes('#')) return 'must not hold a fragment (#…); it would not be sent';
  return null;
}
