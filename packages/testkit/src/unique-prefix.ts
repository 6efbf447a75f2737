import { randomBytes } from 'node:crypto';

/** A topic and consumer group prefix that no other test has, e.g. `t1a2b3c4d.`: tests share one broker. */
export function uniquePrefix(): string {
  return `t${randomBytes(4).toString('hex')}.`;
}
