import type { Database } from '../database.js';
import { storing } from '../storing.js';

/** A webhook whose receiver answered 410 after the webhook was last changed. */
export interface GoneWebhook {
  id: string;
  /** When the attempt began. */
  goneAt: Date;
}

/** A webhook that has failed at both ends of a span of days, and never succeeded between. */
export interface FailingWebhook {
  id: string;
  /** The first failure after the last success, or after the webhook was last changed. */
  failingSince: Date;
}

/**
 * What the attempts of webhooks say about the webhooks. Only active ones count, and only what began after a webhook was last
 * changed: a new url deserves a new judgement. Every method throws `StorageFault` when the database fails.
 */
export class WebhookHealth {
  constructor(private readonly database: Database) {}

  /** Webhooks that are to be switched off because they are gone. */
  gone(): Promise<GoneWebhook[]> {
    return storing('looking for webhooks that are gone', () =>
      this.database.query<GoneWebhook[]>(
        `SELECT w.id, max(d.last_gone_at) AS "goneAt"
         FROM webhook_days d JOIN webhooks w ON w.id = d.webhook_id
         WHERE d.last_gone_at IS NOT NULL AND w.active AND d.last_gone_at > w.updated_at
         GROUP BY w.id ORDER BY w.id`,
      ),
    );
  }

  /**
   * Webhooks that failed today or yesterday, and that much or more earlier, and did not succeed between. Days beyond the
   * retention of the history are not known.
   *
   * To the day at worst: of a day with a failure before and another after its last success, only the last failure counts.
   */
  failing({ spanMs, now }: { spanMs: number; now: Date }): Promise<FailingWebhook[]> {
    return storing('looking for webhooks that fail', () =>
      this.database.query<FailingWebhook[]>(
        `WITH judged AS (
           SELECT w.id, greatest(w.updated_at, max(d.last_delivered_at)) AS since
           FROM webhooks w JOIN webhook_days d ON d.webhook_id = w.id
           WHERE w.active AND w.id IN (
             SELECT webhook_id FROM webhook_days
             WHERE day >= ($2::timestamptz AT TIME ZONE 'UTC')::date - 1
               AND last_failed_at > coalesce(last_delivered_at, '-infinity'))
           GROUP BY w.id
         )
         SELECT j.id, min(CASE WHEN d.first_failed_at > j.since THEN d.first_failed_at ELSE d.last_failed_at END)
           AS "failingSince"
         FROM judged j JOIN webhook_days d ON d.webhook_id = j.id AND d.last_failed_at > j.since
         GROUP BY j.id
         HAVING max(d.last_failed_at) -
           min(CASE WHEN d.first_failed_at > j.since THEN d.first_failed_at ELSE d.last_failed_at END)
           >= $1 * interval '1 ms'
         ORDER BY j.id`,
        [spanMs, now],
      ),
    );
  }
}
