export { generateSecret } from './secret.js';
export { SecretBox, SecretBoxError } from './secret-box.js';
export type { SealKey, SecretBoxReason } from './secret-box.js';
export { signBody, signStandard } from './sign.js';
export { generateToken, hashToken, isMistypedToken, isToken, parseTokenKeys } from './token.js';
export type { TokenHash, TokenKey } from './token.js';
export { verifyHubSignature, verifyStandard } from './verify.js';
export type { Verification, VerificationReason } from './verify.js';
