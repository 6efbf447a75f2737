import {
  startBatchConsumer,
  startDelayedConsumer,
  startRecordConsumer,
  type ConsumerOptions,
  type IncomingRecord,
  type KafkaConnection,
  type RunningConsumer,
} from '@dits/kafka';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { exposeConsumers } from './consumer-metrics.js';
import type { HealthRegistry } from './health.js';
import type { Logger } from './logger.js';
import { counter, histogram } from './metrics.js';
import { StageContext, type StageLimits, type StageOptions } from './stage-options.js';

/** The three starters of `@dits/kafka`; tests pass their own. */
export interface ConsumerStarters {
  batch: typeof startBatchConsumer;
  record: typeof startRecordConsumer;
  delayed: typeof startDelayedConsumer;
}

/** What only the configuration knows about an app's stages. */
export interface StageSettings {
  /** Topics, without the prefix, that a pattern stands for; a pattern not named here is a topic. */
  topics?: Record<string, string[]>;
  /** Limits by group id; they win over those at the handler. */
  limits?: Record<string, StageLimits>;
}

/** Options of {@link KafkaStrategy}. */
export interface KafkaStrategyOptions extends StageSettings {
  kafka: KafkaConnection;
  log: Logger;
  health: HealthRegistry;
  /** Put before every topic and group. */
  prefix: string;
  now: () => number;
  /** Retries the start of a consumer; rejects when it gives up. */
  waitFor: <T>(what: string, attempt: () => Promise<T>) => Promise<T>;
  starters?: ConsumerStarters;
}

interface Stage {
  options: StageOptions;
  topics: string[];
  handler: MessageHandler;
}

const stageSeconds = histogram({
  name: 'dits_stage_duration_seconds',
  help: 'Time a handler took for a batch, or for a record in the modes that hand out single ones.',
  labelNames: ['group'],
});
const stageRecords = counter({
  name: 'dits_stage_records_total',
  help: 'Records that a handler has completed.',
  labelNames: ['group'],
});
const stageFaults = counter({
  name: 'dits_stage_faults_total',
  help: 'Handler calls that were rejected; the same records are handed out again.',
  labelNames: ['group'],
});

/**
 * Runs `@EventPattern` handlers on the consumers of `@dits/kafka`.
 *
 * `listen` starts one consumer per handler method (per group id); `close` lets them all drain at the same time. A handler
 * that rejects makes its consumer hand out the same records again: its error arrives there as it was thrown, provided
 * the app uses `FaultFilter`. Each consumer has a health check `consumer <group>`.
 */
export class KafkaStrategy extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private consumers = new Map<string, RunningConsumer>();

  constructor(private readonly options: KafkaStrategyOptions) {
    super();
  }

  override listen(callback: (error?: unknown) => void): void {
    this.start().then(() => callback(), callback);
  }

  override async close(): Promise<void> {
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop()));
    this.consumers.clear();
  }

  override on(): never {
    throw new Error('KafkaStrategy has no events');
  }

  override unwrap<T>(): T {
    return this.consumers as T;
  }

  private async start(): Promise<void> {
    const { health, prefix, waitFor } = this.options;
    const stages = this.stages();
    exposeConsumers({ consumers: this.consumers, prefix, now: this.options.now });
    await Promise.all(
      stages.map(async (stage) => {
        const groupId = prefix + stage.options.groupId;
        const consumer = await waitFor(`consumer ${groupId}`, () => this.startConsumer(stage, groupId));
        this.consumers.set(groupId, consumer);
        health.register(`consumer ${groupId}`, () => {
          const { joined, faultSinceMs, held, heldBytes } = consumer.health();
          return {
            ok: joined && faultSinceMs === null,
            detail: {
              joined,
              fault_since: faultSinceMs === null ? null : new Date(faultSinceMs).toISOString(),
              held_records: held,
              held_bytes: heldBytes,
            },
          };
        });
      }),
    );
  }

  /** One stage per group; the patterns of one handler method share their options object. */
  private stages(): Stage[] {
    const byGroup = new Map<string, Stage>();
    for (const [pattern, handler] of this.messageHandlers) {
      const options = handler.extras as StageOptions | undefined;
      if (!handler.isEventHandler || !options?.mode || !options.groupId) {
        throw new Error(`the handler of ${pattern} must be @EventPattern(topic, { mode, groupId })`);
      }
      if (handler.next) throw new Error(`${pattern} has two handlers`);
      const topics = this.options.topics?.[pattern] ?? [pattern];
      const stage = byGroup.get(options.groupId);
      if (!stage) byGroup.set(options.groupId, { options, topics: [...topics], handler });
      else if (stage.options === options) stage.topics.push(...topics);
      else throw new Error(`two handlers share the group ${options.groupId}`);
    }
    if (byGroup.size === 0) throw new Error('no @EventPattern handler was found');
    return [...byGroup.values()];
  }

  private startConsumer({ options, topics, handler }: Stage, groupId: string): Promise<RunningConsumer> {
    const { kafka, log, prefix, now, limits, starters } = this.options;
    const { batch, record, delayed } = starters ?? {
      batch: startBatchConsumer,
      record: startRecordConsumer,
      delayed: startDelayedConsumer,
    };
    const { mode, groupId: ownGroup, ...own } = options;
    const consumer: ConsumerOptions = {
      ...own,
      ...limits?.[ownGroup],
      kafka,
      log,
      groupId,
      topics: topics.map((topic) => prefix + topic),
    };
    stageRecords.inc({ group: ownGroup }, 0);
    stageFaults.inc({ group: ownGroup }, 0);
    const handle = (payload: IncomingRecord[] | IncomingRecord, { signal }: { signal: AbortSignal }) =>
      this.call(handler, ownGroup, payload, new StageContext(signal));
    switch (mode) {
      case 'batch':
        return batch({ ...consumer, handle });
      case 'record':
        return record({ ...consumer, handle });
      case 'delayed':
        return delayed({ ...consumer, dueAtMs: options.dueAtMs, now, handle });
      default:
        throw new Error(`unknown mode ${String(mode satisfies never)}`);
    }
  }

  private async call(
    handler: MessageHandler,
    group: string,
    payload: IncomingRecord[] | IncomingRecord,
    context: StageContext,
  ): Promise<void> {
    const startedAt = performance.now();
    try {
      const result: unknown = await handler(payload, context);
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
      stageRecords.inc({ group }, Array.isArray(payload) ? payload.length : 1);
    } catch (error) {
      stageFaults.inc({ group });
      throw error;
    } finally {
      stageSeconds.observe({ group }, (performance.now() - startedAt) / 1000);
    }
  }
}
