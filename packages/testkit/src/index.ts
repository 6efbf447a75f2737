export { services, readServices, type TestServices } from './services.js';
export type { RunningServices, RunServices } from './running-services.js';
export { until } from './until.js';
export { uniquePrefix } from './unique-prefix.js';
export { createDatabase, type TestDatabase } from './create-database.js';
export { startReceiver } from './receiver.js';
export type { Answer, Behaviour, ReceivedRequest, Receiver, Respond } from './receiver.js';
export { startNameServer, type NameServer } from './name-server.js';
export { aDelivery, aWebhook } from './factories.js';
