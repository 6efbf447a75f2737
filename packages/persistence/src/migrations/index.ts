import { CreateWebhooks1764028800001 } from './0001-create-webhooks.js';
import { CreateHistory1764028800002 } from './0002-create-history.js';

/** Every migration, oldest first. Class names end in a 13-digit number that TypeORM orders by. */
export const migrations = [CreateWebhooks1764028800001, CreateHistory1764028800002];
