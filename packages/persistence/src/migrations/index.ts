import { CreateWebhooks1764028800001 } from './0001-create-webhooks.js';
import { CreateHistory1764028800002 } from './0002-create-history.js';
import { CreateRedelivery1764028800003 } from './0003-create-redelivery.js';
import { CreateDeadLetters1764028800004 } from './0004-create-dead-letters.js';
import { CreateWebhookDays1764028800005 } from './0005-create-webhook-days.js';
import { AddWebhookHeaders1764028800006 } from './0006-add-webhook-headers.js';
import { CreateLossAudit1764028800007 } from './0007-create-loss-audit.js';
import { AddSigningKeys1764028800008 } from './0008-add-signing-keys.js';
import { AddTokenKeysAndRates1764028800009 } from './0009-add-token-keys-and-rates.js';
import { CreateAuditTrail1764028800010 } from './0010-create-audit-trail.js';
import { AddSendTraceparent1764028800011 } from './0011-add-send-traceparent.js';

/** Every migration, oldest first. Class names end in a 13-digit number that TypeORM orders by. */
export const migrations = [
  CreateWebhooks1764028800001,
  CreateHistory1764028800002,
  CreateRedelivery1764028800003,
  CreateDeadLetters1764028800004,
  CreateWebhookDays1764028800005,
  AddWebhookHeaders1764028800006,
  CreateLossAudit1764028800007,
  AddSigningKeys1764028800008,
  AddTokenKeysAndRates1764028800009,
  CreateAuditTrail1764028800010,
  AddSendTraceparent1764028800011,
];
