import { randomUUID } from 'node:crypto';
import { startReceiver, type Receiver } from '@dits/testkit';
import pg from 'pg';
import { until } from '../platform.ts';

const REPOSITORIES = 10;
const FIRST_REPOSITORY_ID = 8_000;
// Every third delivery fails its first two attempts, so that records wait on a tier whichever version wrote them.
const FAILING_EVERY = 3;
const FAILING_ATTEMPTS = 2;
const SETTLE_MS = 120_000;

/** Where events are posted at the moment, and with which token. */
export interface Front {
  gateway: string;
  api: string;
  token: string;
}

/** What became of what was accepted. */
export interface Tally {
  accepted: number;
  /** Posts that were not answered with 202; their events are not missed. */
  refused: number;
  /** Accepted events that no receiver has got. */
  lost: number;
  /** POSTs beyond the first of the same attempt. */
  repeated: number;
  /** Attempts that a receiver saw and the history has not, or the other way round. */
  historyDiffers: number;
  deadLetters: number;
}

/** A steady load on whatever version runs, and the account of it. */
export class Traffic {
  private readonly accepted = new Set<string>();
  private refused = 0;
  private readonly open = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private sent = 0;

  private readonly receiver: Receiver;
  private readonly front: () => Front;

  private constructor(receiver: Receiver, front: () => Front) {
    this.receiver = receiver;
    this.front = front;
  }

  static async start(front: () => Front, eventsPerSecond: number): Promise<Traffic> {
    const receiver = await startReceiver({
      respond: ({ headers }) => {
        const isFailing = Number.parseInt(headers['x-dits-delivery']!.slice(-4), 16) % FAILING_EVERY === 0;
        return { status: isFailing && Number(headers['x-dits-attempt']) <= FAILING_ATTEMPTS ? 503 : 200 };
      },
    });
    const traffic = new Traffic(receiver, front);
    for (let i = 0; i < REPOSITORIES; i++) await traffic.createWebhook(FIRST_REPOSITORY_ID + i);
    traffic.timer = setInterval(() => traffic.post(), 1000 / eventsPerSecond);
    return traffic;
  }

  get acceptedSoFar(): number {
    return this.accepted.size;
  }

  /** Posts no more, waits until everything accepted has arrived and is on record, and says what came of it. */
  async settle(databaseUrl: string): Promise<Tally> {
    clearInterval(this.timer);
    await Promise.all(this.open);
    const database = new pg.Client({ connectionString: databaseUrl });
    await database.connect();
    try {
      const unfinished = async (): Promise<number> => {
        const { rows } = await database.query<{ n: number }>(
          `SELECT $1::int - count(*)::int AS n FROM deliveries WHERE status = 'delivered' AND event_id = ANY($2)`,
          [this.accepted.size, [...this.accepted]],
        );
        return rows[0]!.n;
      };
      // What does not end is counted below.
      await until(unfinished, (n) => n <= 0, SETTLE_MS).catch(() => undefined);
      return await this.tally(database);
    } finally {
      await database.end();
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.receiver.close();
  }

  private async tally(database: pg.Client): Promise<Tally> {
    const seen = new Map<string, number>();
    const arrived = new Set<string>();
    for (const { headers, rawBody } of this.receiver.requests) {
      const key = `${headers['x-dits-delivery']} ${headers['x-dits-attempt']}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      arrived.add((JSON.parse(rawBody.toString('utf8')) as { event_id: string }).event_id);
    }
    const { rows: recorded } = await database.query<{ key: string }>(
      `SELECT DISTINCT delivery_id || ' ' || attempt AS key FROM attempts`,
    );
    const { rows: letters } = await database.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM dead_letters',
    );
    const keys = new Set(recorded.map(({ key }) => key));
    return {
      accepted: this.accepted.size,
      refused: this.refused,
      lost: [...this.accepted].filter((id) => !arrived.has(id)).length,
      repeated: this.receiver.requests.length - seen.size,
      historyDiffers:
        [...seen.keys()].filter((key) => !keys.has(key)).length +
        [...keys].filter((key) => !seen.has(key)).length,
      deadLetters: letters[0]!.n,
    };
  }

  private async createWebhook(repositoryId: number): Promise<void> {
    const { api, token } = this.front();
    const response = await fetch(`${api}/v1/repos/${repositoryId}/webhooks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: this.receiver.url, events: ['push'], active: true }),
    });
    if (response.status !== 201)
      throw new Error(`creating a webhook: ${response.status} ${await response.text()}`);
  }

  private post(): void {
    const posting = this.postOne().finally(() => this.open.delete(posting));
    this.open.add(posting);
  }

  private async postOne(): Promise<void> {
    const { gateway, token } = this.front();
    const eventId = randomUUID();
    const id = FIRST_REPOSITORY_ID + (this.sent++ % REPOSITORIES);
    try {
      const response = await fetch(`${gateway}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          event: 'push',
          event_id: eventId,
          repository: { id, name: 'film', full_name: 'studio/film', private: false },
          sender: { id: 456, login: 'octocat', type: 'user' },
          commits: [],
        }),
      });
      await response.arrayBuffer();
      if (response.status === 202) this.accepted.add(eventId);
      else this.refused += 1;
    } catch {
      this.refused += 1;
    }
  }
}
