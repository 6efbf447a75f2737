import { RegistryFault } from '@dits/contracts';
import { checkAll, checkOne, type CheckDeps, type CheckedEvent } from './check-event.js';
import { PublishError, type PublishErrorReason } from './errors.js';
import type { EventInput } from './event-input.js';
import type { Outbox } from './outbox.js';

/** What an {@link EventPublisher} needs. */
export interface EventPublisherOptions {
  check: CheckDeps;
  outbox: Outbox;
  /** What errors name. */
  deadlineMs: number;
  registry: string;
  kafka: string;
}

/** Checks events, hands them to the outbox, and says what became of them. See `PublisherBase` for the promises. */
export class EventPublisher {
  private isClosed = false;

  constructor(private readonly options: EventPublisherOptions) {}

  async publish(input: unknown): Promise<string> {
    const { check, outbox } = this.options;
    const event = checkOne(input, check);
    this.refuseWhenClosed([event]);
    const settled = outbox.add(event);
    if (!settled) {
      const { events, bytes } = outbox.size;
      const advice = 'await earlier ones first, or use publishAll, which waits for room';
      throw refusal(`${events} events of ${bytes} bytes wait already; ${advice}`, 'full', [event]);
    }
    const failure = await settled;
    if (failure) throw this.notConfirmed(`${event.type.event} ${event.event.event_id}`, failure, [event]);
    return event.event.event_id;
  }

  async publishAll(inputs: readonly unknown[]): Promise<string[]> {
    const { check, outbox } = this.options;
    const events = checkAll(inputs, check);
    this.refuseWhenClosed(events);
    const failures = await outbox.addAll(events);
    const failure = failures.find((each) => each !== undefined);
    if (failure) {
      const failed = events.filter((_, i) => failures[i] !== undefined);
      throw this.notConfirmed(`${failed.length} of ${events.length} events`, failure, failed);
    }
    return events.map(({ event }) => event.event_id);
  }

  /** Takes no more. Resolves when all that it took is settled. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.options.outbox.flush();
  }

  private refuseWhenClosed(events: CheckedEvent[]): void {
    if (this.isClosed) throw refusal('the publisher is closed', 'closed', events);
  }

  private notConfirmed(which: string, cause: Error, events: CheckedEvent[]): PublishError {
    const { deadlineMs, registry, kafka } = this.options;
    const why =
      cause instanceof RegistryFault
        ? `The registry at ${registry} gave no ids for the schemas: is it up, and do they fit those it has?`
        : `Kafka did not take it: is it up, with enough replicas in sync, and has it ${kafka}?`;
    return new PublishError(
      `${which} not confirmed after ${deadlineMs} ms. ${why} Then publish \`events\` of this error again; what had arrived stays one event. (${cause.message})`,
      { reason: 'not_confirmed', events: events.map(inputOf), cause },
    );
  }
}

function refusal(why: string, reason: PublishErrorReason, events: CheckedEvent[]): PublishError {
  return new PublishError(`nothing was sent: ${why}`, { reason, events: events.map(inputOf) });
}

/** What publishes the same event again. Absent fields are null in it, which counts as absent. */
function inputOf({ type, event }: CheckedEvent): EventInput {
  return { event: type.event, ...event } as EventInput;
}
