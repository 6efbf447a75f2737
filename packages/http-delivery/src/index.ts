export { HttpSender } from './http-sender.js';
export type { HttpSenderOptions, SendRequest } from './http-sender.js';
