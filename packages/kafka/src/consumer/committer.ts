import { settledWithin } from '../backoff.js';
import { errorText } from '../error-text.js';
import type { Faults } from '../faults.js';
import type { Log } from '../log.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { GroupMember } from './group-member.js';

// What a crash repeats is what was completed since; a commit takes about 1 ms.
const COMMIT_EVERY_MS = 100;

export interface CommitterOptions {
  log: Log;
  faults: Faults;
  member: Pick<GroupMember, 'commit' | 'group'>;
  /** Those that are ours now. */
  partitions(): Iterable<AssignedPartition>;
}

/** Commits the completed prefix of each partition: on an interval, when told, and at the end. */
export class Committer {
  private timer: NodeJS.Timeout | undefined;
  private inFlight: Promise<void> | null = null;

  constructor(private readonly options: CommitterOptions) {}

  start(): void {
    this.timer = setInterval(() => {
      // An interval that meets a slow commit has nothing to add to it.
      if (!this.inFlight) void this.commit();
    }, COMMIT_EVERY_MS);
  }

  /** A last commit, at most 5 s. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await settledWithin(this.commit(), 5000);
  }

  /** Commits what is committable now, after the commit in flight. Never rejects: what failed stays to be committed. */
  commit(): Promise<void> {
    const next = (this.inFlight ?? Promise.resolve()).then(() => this.commitOnce());
    const tracked = next.finally(() => {
      if (this.inFlight === tracked) this.inFlight = null;
    });
    this.inFlight = tracked;
    return tracked;
  }

  private async commitOnce(): Promise<void> {
    const { member, faults, log } = this.options;
    if (!member.group) return;
    const moved: { partition: AssignedPartition; offset: bigint }[] = [];
    for (const partition of this.options.partitions()) {
      if (!partition.hasStarted) continue;
      const offset = partition.committable;
      if (offset > (partition.committed ?? partition.start)) moved.push({ partition, offset });
    }
    if (moved.length === 0) {
      // What had failed was lost to another member, or was committed after all.
      faults.clear('commit');
      return;
    }
    try {
      await member.commit(
        moved.map(({ partition: { topic, partition }, offset }) => ({ topic, partition, offset })),
      );
      for (const { partition, offset } of moved) partition.committed = offset;
      faults.clear('commit');
    } catch (error) {
      faults.set('commit');
      log.warn({ group: member.group, error: errorText(error) }, 'kafka.consumer.commit_failed');
    }
  }
}
