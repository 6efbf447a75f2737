export { verify } from './verify-request.js';
export type {
  RequestHeaders,
  RequestVerification,
  VerifiedDelivery,
  VerifyOptions,
} from './verify-request.js';
export { verifyHubSignature } from '../verify.js';
export type { Verification, VerificationReason } from '../verify.js';
