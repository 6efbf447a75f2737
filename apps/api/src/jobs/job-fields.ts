import { z } from 'zod';
import { integer } from '../http/fields.js';

/** What every job's request may hold beside its filter. */
export const jobOptions = {
  dry_run: z.boolean().default(false).meta({ description: 'True: only counts.' }),
  rate_per_second: integer({ min: 1, max: 1_000 })
    .default(100)
    .meta({ description: 'Deliveries asked for in a second at most.' }),
  confirm: z.boolean().default(false).meta({
    description:
      'Must be true when more match than the service does without a question (10,000 unless configured otherwise).',
  }),
};
