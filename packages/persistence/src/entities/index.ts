import { AuditEntry } from '../audit/entity.js';
import { DeadLetterRow } from '../dead-letters/entity.js';
import { AttemptRow, DeliveryRow, EventBodyRow, EventRow } from '../history/entities.js';
import { Job } from './job.js';
import { Token } from './token.js';
import { Webhook } from './webhook.js';

/** Every entity that TypeORM maps. */
export const entities: (new () => object)[] = [
  Webhook,
  Token,
  Job,
  AuditEntry,
  DeadLetterRow,
  EventRow,
  EventBodyRow,
  DeliveryRow,
  AttemptRow,
];
