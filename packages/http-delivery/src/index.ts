export { EgressProxyFault } from './egress-proxy.js';
export { resolveBy } from './guard.js';
export type { Resolve, ResolvedAddress } from './guard.js';
export { HttpSender } from './http-sender.js';
export type { HttpSenderOptions, SendRequest } from './http-sender.js';
