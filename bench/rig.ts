import pg from 'pg';
import { Child } from './child.ts';
import type { LoadOrder, Post } from './load-order.ts';
import { startPlatform, type Platform, type PlatformOptions } from './platform.ts';
import { cpuBetween, processUsages, type ProcessUsage } from './process-usage.ts';
import type { Arrival, Behaviour } from './receiver-process.ts';

// What compilers, ours and the JVM's, need to have seen: after 20,000 the broker still spends a third of its time on compiling.
const WARM_UP_EVENTS = 60_000;
const QUICK_WARM_UP_EVENTS = 5_000;

// Nothing new for so long: what has not come is lost.
const SILENCE_MS = 20_000;

/** One webhook of a benchmark, with the receiver behind it. */
export interface Target {
  repositoryId: number;
  webhookId: string;
  behaviour: Behaviour;
}

/** What a load brought. */
export interface Load {
  posts: Post[];
  /** By event id. */
  arrivals: Map<string, { receiver: number; firstAtMs: number; times: number }>;
  /** CPU seconds of each of our processes, from before the first post until the history was complete. */
  cpuSeconds: Record<string, number>;
  usage: Record<string, ProcessUsage>;
  /** From the last arrival until every delivery of it was Delivered in the history, ms. */
  historyLagMs: number;
}

/** Everything a benchmark needs: the platform, receivers and a load, each in processes of its own. */
export class Rig {
  readonly platform: Platform;
  private readonly receiver: Child;
  private readonly load: Child;
  private readonly database: pg.Client;
  private repositories = 1_000;

  private constructor(parts: { platform: Platform; receiver: Child; load: Child; database: pg.Client }) {
    this.platform = parts.platform;
    this.receiver = parts.receiver;
    this.load = parts.load;
    this.database = parts.database;
  }

  static async start(options: PlatformOptions = {}): Promise<Rig> {
    const platform = await startPlatform(options);
    const receiver = new Child('receiver-process.ts');
    const load = new Child('load-process.ts');
    const database = new pg.Client({ connectionString: platform.database });
    database.on('error', () => {}); // a server that goes away rejects the query too
    await Promise.all([receiver.next('ready'), load.next('ready'), database.connect()]);
    return new Rig({ platform, receiver, load, database });
  }

  async stop(): Promise<void> {
    this.receiver.close();
    this.load.close();
    await this.database.end();
    await this.platform.stop();
  }

  /** A webhook for each behaviour, each on a repository of its own. */
  async targets(behaviours: Behaviour[]): Promise<Target[]> {
    const { urls } = await this.receiver.ask<{ urls: string[] }>({ kind: 'listen', behaviours }, 'listening');
    const targets: Target[] = [];
    for (const [i, url] of urls.entries()) {
      const repositoryId = this.repositories++;
      const webhookId = await this.platform.createWebhook({ repositoryId, url, events: ['push'] });
      targets.push({ repositoryId, webhookId, behaviour: behaviours[i]! });
    }
    return targets;
  }

  /** Ends the webhooks: what they still wait for is cancelled as it comes due. */
  async remove(targets: Target[]): Promise<void> {
    for (const target of targets) await this.platform.deleteWebhook(target);
  }

  /** One event a request, as fast as they go through. */
  async warmUp(targets: Target[], { quick }: { quick: boolean }): Promise<void> {
    const events = quick ? QUICK_WARM_UP_EVENTS : WARM_UP_EVENTS;
    console.log(`warming up with ${events} events`);
    await this.run({ events, pace: { kind: 'closed', inFlight: 32, batch: 1 } }, targets);
  }

  /** Sends a load and waits for its answers, no more. */
  async send(order: Pick<LoadOrder, 'events' | 'pace'>, targets: Target[]): Promise<Post[]> {
    return (await this.load.ask<{ posts: Post[] }>(this.orderOf(order, targets), 'posts')).posts;
  }

  /** Bytes of the tables of the history with their indexes. */
  async historyBytes(): Promise<number> {
    const { rows } = await this.database.query<{ bytes: string }>(
      `SELECT sum(pg_total_relation_size(relid)) AS bytes FROM pg_catalog.pg_statio_user_tables
       WHERE relname ~ '^(events|event_bodies|deliveries|attempts|webhook_days)'`,
    );
    return Number(rows[0]!.bytes);
  }

  /** How many of these webhooks' deliveries, of events accepted since then, the history calls Delivered. */
  async countDelivered(targets: Target[], since = new Date(0)): Promise<number> {
    const { rows } = await this.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM deliveries
       WHERE webhook_id = ANY($1) AND status = 'delivered' AND accepted_at >= $2`,
      [targets.map(({ webhookId }) => webhookId), since],
    );
    return rows[0]!.n;
  }

  /** Resolves when that many deliveries of a webhook were attempted or put off, to the seconds it took. */
  async untilSeenTo({ webhookId }: Target, deliveries: number): Promise<number> {
    const startedAt = performance.now();
    const count = async (): Promise<number> => {
      const { rows } = await this.database.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM deliveries WHERE webhook_id = $1 AND (attempts > 0 OR deferrals > 0)`,
        [webhookId],
      );
      return rows[0]!.n;
    };
    const n = await untilStill(count, (n) => n >= deliveries, 1_000);
    if (n < deliveries) throw new Error(`only ${n} of ${deliveries} deliveries were attempted or put off`);
    return Math.round((performance.now() - startedAt) / 1000);
  }

  /** Sends a load, waits for its arrivals and its history. `expected`: the events that should arrive. */
  async run(order: Omit<LoadOrder, 'gateway' | 'token' | 'repositoryIds'>, targets: Target[]): Promise<Load> {
    const { platform } = this;
    const startedAt = new Date();
    const before = processUsages(platform.pids());
    const full = this.orderOf(order, targets);
    const share = targets.filter(({ behaviour }) => arrives(behaviour)).length / targets.length;
    const sending = this.load.ask<{ posts: Post[] }>(full, 'posts');
    await this.untilArrived(Math.floor(order.events * share), sending);
    const lastArrivalAtMs = Date.now();
    const { posts } = await sending;
    await this.untilRecorded(targets, startedAt, Math.floor(order.events * share));
    const historyLagMs = Date.now() - lastArrivalAtMs;
    const usage = processUsages(platform.pids());
    const { arrivals } = await this.receiver.ask<{ arrivals: Arrival[] }>({ kind: 'take' }, 'arrivals');
    return {
      posts,
      arrivals: new Map(
        arrivals.map(([id, receiver, firstAtMs, times]) => [id, { receiver, firstAtMs, times }]),
      ),
      cpuSeconds: cpuBetween(before, usage),
      usage,
      historyLagMs,
    };
  }

  private orderOf(order: Pick<LoadOrder, 'events' | 'pace'>, targets: Target[]): LoadOrder {
    const { gateway, token } = this.platform;
    return { gateway, token, repositoryIds: targets.map(({ repositoryId }) => repositoryId), ...order };
  }

  private async untilArrived(expected: number, sending: Promise<unknown>): Promise<void> {
    let sent = false;
    // A load that fails is thrown where it is awaited.
    const onSent = (): void => void (sent = true);
    void sending.then(onSent, onSent);
    const count = async (): Promise<number> =>
      (await this.receiver.ask<{ count: number }>({ kind: 'count' }, 'count')).count;
    await untilStill(count, (n) => sent && n >= expected);
  }

  private async untilRecorded(targets: Target[], since: Date, expected: number): Promise<void> {
    const n = await untilStill(
      () => this.countDelivered(targets, since),
      (n) => n >= expected,
      250,
    );
    if (n < expected) console.error(`only ${n} of ${expected} deliveries are in the history`);
  }
}

function arrives(behaviour: Behaviour): boolean {
  return behaviour === 'answer' || behaviour === 'slow';
}

/** Polls a number until it is enough, or has not changed for a while. Returns the last. */
async function untilStill(
  read: () => Promise<number>,
  isEnough: (n: number) => boolean,
  everyMs = 50,
): Promise<number> {
  let last = -1;
  let lastChange = Date.now();
  for (;;) {
    const n = await read();
    if (n !== last) lastChange = Date.now();
    last = n;
    if (isEnough(n) || Date.now() - lastChange > SILENCE_MS) return n;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
