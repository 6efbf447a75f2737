import { Resolver } from 'node:dns';
import { z } from 'zod';

const isInteger = /^-?\d+$/;

/** Readers of the kinds of text that settings hold; each is a Zod schema whose message fits after the variable's name. */
export const setting = {
  /** Any text. */
  text: (): z.ZodType<string> => z.string(),

  /** Text that matches a pattern; `rule` says what it must be. */
  matching: (pattern: RegExp, rule: string): z.ZodType<string> =>
    z.string().regex(pattern, `must be ${rule}`),

  /** An integer within bounds, both included. */
  integer: (min: number, max: number): z.ZodType<number> =>
    z
      .string()
      .refine((text) => isInteger.test(text) && Number(text) >= min && Number(text) <= max, {
        message: `must be an integer from ${min} to ${max}`,
      })
      .transform(Number),

  /** A TCP port; 0 asks the system for a free one. */
  port: (): z.ZodType<number> => setting.integer(0, 65_535),

  /** `true` or `false`. */
  flag: (): z.ZodType<boolean> =>
    z
      .string()
      .refine((text) => text === 'true' || text === 'false', { message: 'must be true or false' })
      .transform((text) => text === 'true'),

  /** A URL of one of the protocols (`http:`), kept as text. */
  url: (...protocols: string[]): z.ZodType<string> =>
    z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      message: `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`,
    }),

  /** One of some words. */
  oneOf: <const W extends string>(...words: W[]): z.ZodType<W> =>
    z.string().refine((text) => (words as string[]).includes(text), {
      message: `must be one of ${words.join(', ')}`,
    }) as unknown as z.ZodType<W>,

  /** A comma list of `host:port`, at least one. */
  brokers: (): z.ZodType<string[]> =>
    z
      .string()
      .transform(splitList)
      .refine(
        (items) =>
          items.length > 0 && items.every((item) => /^[^:/\s]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/.test(item)),
        {
          message: 'must be a comma list of host:port',
        },
      ),

  /** A comma list of addresses of DNS servers, with or without a port. */
  dnsServers: (): z.ZodType<string[]> =>
    z
      .string()
      .transform(splitList)
      .refine(areDnsServers, { message: 'must be a comma list of IP addresses, with or without a port' }),

  /** A comma list, empty items left out. */
  list: (): z.ZodType<string[]> => z.string().transform(splitList),

  /** Base64 of exactly so many bytes. */
  base64: (bytes: number): z.ZodType<Buffer> =>
    z
      .string()
      .refine((text) => /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length === bytes, {
        message: `must be the base64 of ${bytes} bytes (openssl rand -base64 ${bytes})`,
      })
      .transform((text) => Buffer.from(text, 'base64')),

  /** What a function reads; its error's message is the problem: `setting.parsed(parseTiers)`. */
  parsed: <T>(parse: (text: string) => T): z.ZodType<T> =>
    z.string().transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    }),

  /** The same reader, for a variable that may be unset and has no default. */
  optional: <T>(schema: z.ZodType<T>): z.ZodType<T | undefined> => schema.optional(),
};

function areDnsServers(items: string[]): boolean {
  try {
    new Resolver().setServers(items);
    return true;
  } catch {
    return false;
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
