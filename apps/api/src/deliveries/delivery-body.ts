import { isUtf8 } from 'node:buffer';
import type { AttemptRow, DeliveryDetail, DeliveryRow } from '@dits/persistence';
import { ProblemException } from '@dits/runtime';
import { z } from 'zod';

/** Statuses as the API names them, by how they are stored. */
export const STATUS_NAMES = {
  pending: 'Pending',
  delivered: 'Delivered',
  retrying: 'Retrying',
  failed: 'Failed',
  cancelled: 'Cancelled',
} as const;

const time = z.iso.datetime();
const headers = z.record(z.string(), z.string());

export const deliveryBody = z
  .object({
    id: z.uuid().meta({ description: 'The same on every attempt: the X-Dits-Delivery header.' }),
    webhook_id: z.uuid(),
    event_id: z.uuid(),
    event: z.string().meta({ example: 'push' }),
    repository_id: z.number().int().nullable(),
    status: z.enum(Object.values(STATUS_NAMES)),
    attempts: z.number().int().meta({ description: 'Attempts made so far.' }),
    response_status: z.number().int().nullable().meta({
      description: 'Status code of the last attempt; null before the first, and when no answer came.',
    }),
    error_class: z.string().nullable().meta({
      description: 'Why the last attempt got no answer (`dns`, `refused`, `timeout`, …); null when one came.',
    }),
    next_attempt_at: time.nullable().meta({ description: 'While retrying.' }),
    failure_reason: z.string().nullable().meta({ description: 'When failed or cancelled.' }),
    trigger: z.string().nullable().meta({ description: '`event`, `redelivery`, `replay` or `ping`.' }),
    deferrals: z.number().int().meta({ description: 'Times it was put off without an attempt.' }),
    accepted_at: time.meta({ description: 'When the event was accepted.' }),
    redelivered_at: time.nullable().meta({
      description: 'When the newest redelivery or replay was asked for; null: none was.',
    }),
    completed_at: time.nullable(),
    updated_at: time,
  })
  .meta({ description: 'One event for one webhook.' });

export const attemptBody = z
  .object({
    attempt: z.number().int().meta({ description: 'From 1; goes on counting through redeliveries.' }),
    trigger: z.string(),
    outcome: z.string().meta({ description: '`delivered`, `retryable` or `rejected`.' }),
    started_at: time,
    duration_ms: z.number(),
    phases_ms: z
      .record(z.string(), z.number())
      .meta({ description: 'Duration of each phase that took place.' }),
    remote_address: z.string().nullable(),
    request: z.object({ url: z.string(), headers }),
    response: z
      .object({
        status: z.number().int(),
        headers,
        body: z.string(),
        body_encoding: z.enum(['utf-8', 'base64']),
        truncated: z.boolean().meta({ description: 'True when more than the first 16 KiB came.' }),
      })
      .nullable(),
    error: z
      .object({
        class: z.string().nullable(),
        phase: z.string().nullable(),
        message: z.string().nullable(),
      })
      .nullable()
      .meta({ description: 'Why no answer came.' }),
    next_step: z.string(),
    next_attempt_at: time.nullable(),
    failure_reason: z.string().nullable(),
  })
  .meta({ description: 'One POST.' });

export const deliveryDetailBody = deliveryBody
  .omit({ attempts: true })
  .extend({
    request: z
      .object({
        headers: headers.meta({ description: 'Of the last attempt; empty before the first.' }),
        body: z.string().nullable().meta({
          description: 'The exact text that is signed and posted; null when it is no longer kept.',
        }),
      })
      .meta({ description: 'What is posted.' }),
    attempts: z.array(attemptBody),
  })
  .meta({ description: 'A delivery with its body and every attempt.' });

export type DeliveryBody = z.output<typeof deliveryBody>;
export type DeliveryDetailBody = z.output<typeof deliveryDetailBody>;

/** A delivery in a list. */
export function presentDelivery(row: DeliveryRow): DeliveryBody {
  return {
    id: row.deliveryId,
    webhook_id: row.webhookId,
    event_id: row.eventId,
    event: row.event,
    repository_id: row.repositoryId,
    status: STATUS_NAMES[row.status],
    attempts: row.attemptCount,
    response_status: row.lastStatusCode,
    error_class: row.lastErrorClass,
    next_attempt_at: timeText(row.nextAttemptAt),
    failure_reason: row.failureReason,
    trigger: row.trigger,
    deferrals: row.deferrals,
    accepted_at: row.acceptedAt.toISOString(),
    redelivered_at: timeText(row.redeliveredAt),
    completed_at: timeText(row.completedAt),
    updated_at: row.updatedAt.toISOString(),
  };
}

/** A delivery with everything known about it. */
export function presentDetail({ delivery, body, attempts }: DeliveryDetail): DeliveryDetailBody {
  return {
    ...presentDelivery(delivery),
    request: { headers: attempts.at(-1)?.requestHeaders ?? {}, body: body?.toString('utf8') ?? null },
    attempts: attempts.map(presentAttempt),
  };
}

/** The 404 of a delivery that the webhook does not have. */
export function noDelivery(webhookId: string, deliveryId: string): ProblemException {
  return new ProblemException(404, {
    detail: `There is no delivery ${deliveryId} of webhook ${webhookId}.`,
    code: 'delivery_not_found',
  });
}

function presentAttempt(row: AttemptRow): z.output<typeof attemptBody> {
  return {
    attempt: row.attempt,
    trigger: row.trigger,
    outcome: row.outcome,
    started_at: row.startedAt.toISOString(),
    duration_ms: row.durationMs,
    phases_ms: row.phasesMs,
    remote_address: row.remoteAddress,
    request: { url: row.url, headers: row.requestHeaders },
    response:
      row.statusCode === null
        ? null
        : {
            status: row.statusCode,
            headers: row.responseHeaders,
            ...presentBytes(row.responseBody ?? Buffer.alloc(0), row.responseTruncated),
            truncated: row.responseTruncated,
          },
    error:
      row.errorClass === null && row.errorMessage === null
        ? null
        : { class: row.errorClass, phase: row.errorPhase, message: row.errorMessage },
    next_step: row.nextStep,
    next_attempt_at: timeText(row.nextAttemptAt),
    failure_reason: row.failureReason,
  };
}

/** Text when it is UTF-8 (but for a character that the 16 KiB cut in two), else base64. */
function presentBytes(
  bytes: Buffer,
  isTruncated: boolean,
): { body: string; body_encoding: 'utf-8' | 'base64' } {
  const ends = isTruncated ? [0, 1, 2, 3].map((less) => bytes.length - less) : [bytes.length];
  const end = ends.find((at) => at >= 0 && isUtf8(bytes.subarray(0, at)));
  return end === undefined
    ? { body: bytes.toString('base64'), body_encoding: 'base64' }
    : { body: bytes.toString('utf8', 0, end), body_encoding: 'utf-8' };
}

function timeText(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
