import type { AnyEvent } from '@dits/contracts';

/**
 * The login of the owner of an event's repository, in lower case. Without `repository.owner` it is the part of
 * `full_name` before the slash.
 */
export function ownerLoginOf({ repository }: Pick<AnyEvent, 'repository'>): string {
  const login = repository.owner?.login || repository.full_name.split('/', 1)[0]!;
  return login.toLowerCase();
}
