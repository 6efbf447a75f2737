import { describe, expect, it } from '@jest/globals';
import { bundledSchemas } from '@dits/contracts';
import { createPublisher } from './create-publisher.js';
import { methodName } from './method-name.js';
import type { EventFunctions, Publisher, PublisherBase } from './publisher.js';

const repository = { id: 123, name: 'my-project', full_name: 'user/my-project', private: false };
const sender = { id: 456, login: 'octocat', type: 'user' };

/** Never called: the compiler is the test. A line that should not compile and does fails the check of types. */
export async function whatCompiles(publisher: Publisher): Promise<void> {
  const id: string = await publisher.lockAcquired({ repository, sender, lock: { path: 'a' } });
  await publisher.push({ repository, sender, commits: [], head_commit: null, event_id: id });
  await publisher.pushTag({ repository, sender, tag: 'v1' });
  await publisher.publish({ event: 'branch.created', repository, sender, branch: 'main' });
  // @ts-expect-error a field is missing
  await publisher.pushTag({ repository, sender });
  // @ts-expect-error a field is of the wrong type
  await publisher.branchCreated({ repository, sender, branch: 7 });
  // @ts-expect-error a field is not the event's
  await publisher.repoCreated({ repository, sender, branch: 'main' });
  // @ts-expect-error the fields are another event's
  await publisher.publish({ event: 'branch.created', repository, sender, tag: 'v1' });
  // @ts-expect-error no such event
  await publisher.publish({ event: 'branch.renamed', repository, sender });
}

type Collision = keyof EventFunctions & keyof PublisherBase;
/** Fails to compile when an event's function would hide one that every publisher has. */
export const noCollision: [Collision] extends [never] ? true : never = true;

describe('methodName', () => {
  it('is what the types say, one for each event', () => {
    const names = bundledSchemas.events.map(({ event }) => methodName(event));
    expect(new Set(names).size).toBe(bundledSchemas.events.length);
    expect(names).toEqual(expect.arrayContaining(['push', 'pushTag', 'repoCreated', 'lockAcquired']));
    expect(methodName('asset.review_requested')).toBe('assetReviewRequested');
  });
});

describe('createPublisher', () => {
  it('says which option is missing', async () => {
    await expect(createPublisher({ brokers: [], registryUrl: 'http://x' })).rejects.toThrow(/`brokers`/);
    await expect(createPublisher({ brokers: ['x:1'], registryUrl: '' })).rejects.toThrow(/`registryUrl`/);
  });
});
