import { isIP } from 'node:net';
import { lookup, Resolver } from 'node:dns/promises';
import { refuseAddress, type DestinationPolicy, type Refusal } from '@dits/domain';

/** An address that a name resolves to. */
export interface ResolvedAddress {
  address: string;
  family: number;
}

/** Resolves a name to all its addresses, the preferred one first. */
export type Resolve = (name: string) => Promise<ResolvedAddress[]>;

/** Nothing may be dialled for a host. */
export class ForbiddenDestinationError extends Error {
  constructor(readonly refusal: Refusal) {
    super(`the url ${refusal.message}`);
  }
}

/** As the system resolves names: `/etc/hosts` and all. */
export const resolveBySystem: Resolve = (name) => lookup(name, { all: true });

// Twice 2 s: a question that was lost is asked again within the 10 s of an attempt.
const QUESTION = { timeout: 2_000, tries: 2 };

/** As these DNS servers say (`192.0.2.53`, `[2001:db8::53]:5353`), whatever the system is set to; IPv4 first. */
export function resolveBy(servers: string[]): Resolve {
  const resolver = new Resolver(QUESTION);
  resolver.setServers(servers);
  return async (name) => {
    const families = [4, 6] as const;
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = answers.flatMap((answer, i) =>
      answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family: families[i]! })) : [],
    );
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (found.length === 0 && failed) throw failed.reason as Error;
    return found;
  };
}

/** Gives the addresses that may be dialled for a host. */
export class DestinationGuard {
  constructor(
    private readonly policy: DestinationPolicy,
    private readonly resolve: Resolve,
  ) {}

  /**
   * The addresses of a host (a name or an address) that the policy allows, at least one. A caller dials these and
   * nothing else: the name is not resolved again, so whoever changes it meanwhile gains nothing. Throws
   * {@link ForbiddenDestinationError} when it has only forbidden ones, and what the resolver throws.
   */
  async addressesOf(host: string): Promise<ResolvedAddress[]> {
    const family = isIP(host);
    const found = family === 0 ? await this.resolve(host) : [{ address: host, family }];
    const judged = found.map((one) => ({
      one,
      refusal: refuseAddress(one.address, { host, policy: this.policy }),
    }));
    const allowed = judged.filter(({ refusal }) => refusal === null).map(({ one }) => one);
    if (allowed.length > 0) return allowed;
    const [first] = judged;
    if (first?.refusal) throw new ForbiddenDestinationError(first.refusal);
    throw Object.assign(new Error(`no address for ${host}`), { code: 'ENOTFOUND' });
  }
}
