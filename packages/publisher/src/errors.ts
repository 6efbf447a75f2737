import { DitsError, type Problem } from '@dits/contracts';
import type { EventInput } from './event-input.js';

/** An event is not what its schema says. Nothing was sent; sending it again is of no use. */
export class InvalidEventError extends DitsError {
  readonly code = 'DITS_INVALID_EVENT';
  /** What is wrong, and where (`commits[3].id`; `events[7].commits[3].id` in a list; empty for the whole), at least one. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const [first, ...others] = problems;
    const where = first!.path === '' ? 'the event' : first!.path;
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    super(`nothing was sent: ${where} ${first!.message}${more}`);
    this.problems = problems;
  }
}

/**
 * Why an event was not published. `full`: too many wait already; it was not sent. `not_confirmed`: Kafka or the
 * registry did not do its part within the deadline; it may have arrived. `closed`: the publisher takes no more.
 */
export type PublishErrorReason = 'full' | 'not_confirmed' | 'closed';

/** Events are not known to be durable. */
export class PublishError extends DitsError {
  readonly code = 'DITS_PUBLISH';
  readonly reason: PublishErrorReason;
  /**
   * The events in question, with the `event_id` and `occurred_at` they have. Published again as they are, also those that
   * had arrived, they stay one event each.
   */
  readonly events: readonly EventInput[];

  constructor(
    message: string,
    { reason, events, cause }: { reason: PublishErrorReason; events: readonly EventInput[]; cause?: unknown },
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.events = events;
  }
}
