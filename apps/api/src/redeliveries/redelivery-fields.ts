import type { DeliveryFilter } from '@dits/persistence';
import { z } from 'zod';
import { deliveryFilter, filterOf } from '../deliveries/delivery-query.js';
import { inOrder } from '../http/fields.js';
import { jobOptions } from '../jobs/job-fields.js';

/** What may be sent to have many deliveries made again. */
export const redeliveryCreate = inOrder(z.strictObject({ ...deliveryFilter, ...jobOptions }));

export type RedeliveryFields = z.output<typeof redeliveryCreate>;

/** The filter as a job keeps it; it ends at the time of the request, so that what comes later is left alone. */
export function storedFilter(fields: RedeliveryFields, nowMs: number): Record<string, unknown> {
  const filter = filterOf(fields);
  const untilMs = Math.min(filter.until?.getTime() ?? Infinity, nowMs);
  return {
    ...filter,
    ...(filter.since && { since: filter.since.toISOString() }),
    until: new Date(untilMs).toISOString(),
  };
}

/** What {@link storedFilter} stored. */
export function readFilter(stored: Record<string, unknown>): DeliveryFilter {
  return filterOf(z.object(deliveryFilter).parse(stored));
}
