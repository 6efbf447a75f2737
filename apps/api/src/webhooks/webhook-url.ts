const MAX_LENGTH = 2_048;

/** What is wrong with a webhook's url, or null. Where it may lead to is judged at sending, not here. */
export function webhookUrlProblem(url: string): string | null {
  if (url.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  // The URL parser would drop these silently; what is stored is what is posted to.
  if (/[\s\p{Cc}]/u.test(url)) return 'must not hold white space or control characters';
  if (!url.isWellFormed()) return 'must be well-formed Unicode (it holds a lone surrogate)';
  const parsed = URL.parse(url);
  if (!parsed) return 'must be a complete url such as https://your-app.com/webhook';
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')
    return 'must begin with https:// or http://';
  if (!/^https?:\/\//i.test(url)) return 'must begin with https:// or http://';
  if (parsed.username || parsed.password) return 'must not hold a user name or password';
  if (parsed.hash || url.includes('#')) return 'must not hold a fragment (#…); it would not be sent';
  return null;
}
