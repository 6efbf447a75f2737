const PREFIX = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * What is wrong with a secret that a user chose, or null. A `whsec_` secret must be the base64 of 24 to 64 bytes
 * (Standard Webhooks); any other is taken as it is.
 */
export function webhookSecretProblem(secret: string): string | null {
  if (secret.length < 8 || secret.length > 512) return 'must have 8 to 512 characters';
  if (!secret.isWellFormed()) return 'must be well-formed Unicode (it holds a lone surrogate)';
  if (/\p{Cc}/u.test(secret)) return 'must not hold control characters';
  // An ed25519 key goes by its prefix wherever keys and secrets stand together.
  if (/^wh[sp]k_/.test(secret)) return 'must not begin with whsk_ or whpk_, as ed25519 keys do';
  if (!secret.startsWith(PREFIX)) return null;
  const encoded = secret.slice(PREFIX.length);
  const bytes = BASE64.test(encoded) ? Buffer.from(encoded, 'base64').length : 0;
  return bytes >= 24 && bytes <= 64 ? null : 'must be, after whsec_, the base64 of 24 to 64 bytes';
}
