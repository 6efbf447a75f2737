import type { AnyEvent } from '@dits/contracts';

/**
 * The login of the owner of an event's repository, in lower case. Without `repository.owner` it is the part of
 * `full_name` before the slash.
 */
export function ownerLoginOf({ repository }: Pick<AnyEvent, 'repository'>): string {
  const login = repository.owner?.login || repository.full_name.split('/', 1)[0]!;
  return login.toLowerCase();
}

/**
 * Every login that an event names as the owner of its repository, in lower case: that of `repository.owner` and the part of
 * `full_name` before the slash. An honest event names one.
 */
export function ownerLoginsOf({ repository }: Pick<AnyEvent, 'repository'>): string[] {
  const [inName] = /^[^/]*(?=\/)/.exec(repository.full_name) ?? [];
  const named = [ownerLoginOf({ repository }), ...(inName === undefined ? [] : [inName.toLowerCase()])];
  return [...new Set(named)];
}
