import { z } from 'zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidFields } from './read-fields.js';
import { isUuid } from './uuid.js';

const DEFAULT_LIMIT = 30;
const MAX_LIMIT = 100;

/** The query parameters of every list. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,9}$/, `must be an integer from 1 to ${MAX_LIMIT}`)
    .transform(Number)
    .refine((n) => n >= 1 && n <= MAX_LIMIT, `must be an integer from 1 to ${MAX_LIMIT}`)
    .default(DEFAULT_LIMIT)
    .meta({
      type: 'integer',
      pattern: undefined,
      minimum: 1,
      maximum: MAX_LIMIT,
      default: DEFAULT_LIMIT,
      description: 'Most items of a page.',
    }),
  cursor: z
    .string()
    .max(200, 'is not a cursor of this list')
    .optional()
    .meta({ description: '`next_cursor` of the page before.' }),
};

/** One page as a client sees it. */
export interface PageBody<T> {
  data: T[];
  next_cursor: string | null;
}

/** The id that a page begins after, from the cursor of the page before. */
export function afterOf(cursor: string | undefined, isId = isUuid): string | null {
  if (cursor === undefined) return null;
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!isId(id)) throw invalidFields([{ path: 'cursor', message: 'is not a cursor of this list' }]);
  return id;
}

/** The cursor of the page after the one that ends with this id. */
export function cursorAfter(id: string): string {
  return Buffer.from(id, 'latin1').toString('base64url');
}

/** A page with its `Link` header (RFC 8288): the same request, from the next cursor on. */
export function sendPage<T>(
  request: FastifyRequest,
  to: FastifyReply,
  data: T[],
  nextCursor: string | null,
): PageBody<T> {
  if (nextCursor) {
    const [path, query] = request.url.split('?', 2);
    const parameters = new URLSearchParams(query);
    parameters.set('cursor', nextCursor);
    void to.header('link', `<${path}?${parameters.toString()}>; rel="next"`);
  }
  return { data, next_cursor: nextCursor };
}

/** Splits `limit + 1` rows into a page and whether more follow. */
export function cut<T extends { id: string }>(rows: T[], limit: number): { rows: T[]; next: string | null } {
  const page = rows.slice(0, limit);
  return { rows: page, next: rows.length > limit ? cursorAfter(page.at(-1)!.id) : null };
}
