import type { DeliveryFilter, DeliveryStatus } from '@dits/persistence';
import { z } from 'zod';
import { inOrder, time } from '../http/fields.js';
import { pageQuery } from '../http/page.js';
import { STATUS_NAMES } from './delivery-body.js';

const names = Object.values(STATUS_NAMES).join(', ');

/** Which deliveries: the same words in the list's query and in a redelivery's body. */
export const deliveryFilter = {
  status: z
    .string()
    .transform((text) => text.toLowerCase())
    .refine((text) => Object.hasOwn(STATUS_NAMES, text), `must be one of ${names}`)
    .transform((text) => text as DeliveryStatus)
    .optional()
    .meta({ description: `One of ${names}; upper and lower case are the same.`, example: 'Failed' }),
  event: z
    .string()
    .regex(/^[a-z_.]{1,100}$/, 'must be an event name such as push.tag')
    .optional()
    .meta({ description: 'An event name.', example: 'push' }),
  since: time.optional().meta({ description: 'Accepted then or later.', example: '2026-11-25T00:00:00Z' }),
  until: time.optional().meta({ description: 'Accepted before.', example: '2026-11-26T00:00:00Z' }),
  response: z
    .enum(['1xx', '2xx', '3xx', '4xx', '5xx', 'none'])
    .optional()
    .meta({ description: 'What the last attempt got: a class of status codes, or no answer at all.' }),
};

/** The query parameters of the list of deliveries. */
export const deliveryQuery = inOrder(z.strictObject({ ...pageQuery, ...deliveryFilter }));

/** The filter that the parameters make. */
export function filterOf({
  status,
  event,
  since,
  until,
  response,
}: Pick<z.output<typeof deliveryQuery>, keyof typeof deliveryFilter>): DeliveryFilter {
  return {
    ...(status && { status }),
    ...(event && { event }),
    ...(since && { since }),
    ...(until && { until }),
    ...(response && { response }),
  };
}
