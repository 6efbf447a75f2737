import { z } from 'zod';

/** Text that Postgres and UTF-8 can hold as it is: well-formed Unicode without NUL. */
export function text(bounds: { min: number; max: number }): z.ZodString {
  return z
    .string()
    .min(bounds.min, `must have at least ${bounds.min} character${bounds.min === 1 ? '' : 's'}`)
    .max(bounds.max, `must have at most ${bounds.max} characters`)
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode (it holds a lone surrogate)')
    .refine((value) => !value.includes('\0'), 'must not hold the character NUL');
}

/** An integer from `min` to `max`. */
export function integer({ min, max }: { min: number; max: number }): z.ZodInt {
  const message = `must be an integer from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

/** A list without repeats; a repeat is named by its place. */
export function distinct<T extends z.ZodType<string | number>>(item: T, max: number) {
  return z
    .array(item)
    .max(max, `must have at most ${max} items`)
    .superRefine((items, context) => {
      items.forEach((value, i) => {
        if (items.indexOf(value) < i)
          context.addIssue({ code: 'custom', path: [i], message: 'stands there twice' });
      });
    })
    .meta({ uniqueItems: true });
}

/** A repository id. */
export const repositoryId = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

// \p{Cc} spelled out: clients in other languages read the pattern in the document.
// eslint-disable-next-line no-control-regex
const LOGIN = /^[^\s/\u0000-\u001f\u007f-\u009f]*$/;

/** An owner's login as given, turned to lower case: that is how owners are matched. */
export const ownerLogin = text({ min: 1, max: 100 })
  .regex(LOGIN, 'must not hold white space, a slash or control characters')
  .transform((login) => login.toLowerCase());

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** An RFC 3339 time, as a Date. */
export const time = z
  .string()
  .refine(
    (value) => RFC3339.test(value) && !Number.isNaN(Date.parse(value)),
    'must be an RFC 3339 time such as 2026-11-25T09:12:14Z',
  )
  .transform((value) => new Date(value));

/** Adds the check that `since` comes before `until`. */
export function inOrder<T extends z.ZodType<{ since?: Date | undefined; until?: Date | undefined }>>(
  fields: T,
): T {
  return fields.superRefine(({ since, until }, context) => {
    if (since && until && since >= until) {
      context.addIssue({ code: 'custom', path: ['until'], message: 'must be later than since' });
    }
  });
}
