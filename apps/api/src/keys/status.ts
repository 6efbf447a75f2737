import type { SealedCount, SealedPlace } from '@dits/persistence';
import type { KeysOfWebhooks } from './read-topic.js';

/** Which keys are in use. */
export interface KeysStatus {
  /** The key that seals now. */
  keyId: string;
  /** True when nothing is sealed with another: the others can be taken out of `DITS_SECRET_KEYS`. */
  isDone: boolean;
  /** Values by the key that has sealed them; on `topic` those of the newest snapshots. */
  keys: { keyId: string; places: Partial<Record<SealedPlace | 'topic', number>> }[];
}

/** Puts together what the database and the topic hold. */
export function statusOfKeys(o: { keyId: string; counts: SealedCount[]; topic: KeysOfWebhooks }): KeysStatus {
  const keys = new Map<string, Partial<Record<SealedPlace | 'topic', number>>>();
  const add = (keyId: string, place: SealedPlace | 'topic', values: number): void => {
    const places = keys.get(keyId) ?? {};
    places[place] = (places[place] ?? 0) + values;
    keys.set(keyId, places);
  };
  for (const { keyId, place, values } of o.counts) add(keyId, place, values);
  for (const ofWebhook of o.topic.values()) {
    for (const [keyId, values] of ofWebhook) add(keyId, 'topic', values);
  }
  return {
    keyId: o.keyId,
    isDone: [...keys.keys()].every((keyId) => keyId === o.keyId),
    keys: [...keys]
      .map(([keyId, places]) => ({ keyId, places }))
      .toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1)),
  };
}

/** The same for a terminal. */
export function statusText({ keyId, isDone, keys }: KeysStatus): string {
  const lines = keys.map((key) => {
    const places = Object.entries(key.places).map(
      ([place, values]) => `${values} ${place.replace('_', ' ')}`,
    );
    return `${key.keyId}${key.keyId === keyId ? ' (seals)' : ''}: ${places.join(', ')}`;
  });
  const end = isDone
    ? `nothing is sealed with another key than ${keyId}: others can be taken out of DITS_SECRET_KEYS`
    : `run \`npm run keys -- rotate\` before a key is taken out`;
  return [...(lines.length > 0 ? lines : ['nothing is sealed yet']), end].join('\n');
}
