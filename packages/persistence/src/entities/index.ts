import { AttemptRow, DeliveryRow, EventBodyRow, EventRow } from '../history/entities.js';
import { Token } from './token.js';
import { Webhook } from './webhook.js';

/** Every entity that TypeORM maps. */
export const entities: (new () => object)[] = [
  Webhook,
  Token,
  EventRow,
  EventBodyRow,
  DeliveryRow,
  AttemptRow,
];
