import type { Outcome } from '@dits/contracts';
import type { SendResult } from './send-result.js';

/** What an attempt's result means, and why in one stable word (`http_404`, `gone`, `redirect`, `timeout`, `dns`, …). */
export interface Classification {
  outcome: Outcome;
  reason: string;
}

/**
 * What an attempt's result means.
 *
 * | result | outcome | reason |
 * | --- | --- | --- |
 * | 2xx | delivered | `http_<status>` |
 * | 3xx | rejected; never followed | `redirect` |
 * | 4xx in `retryStatuses` | retryable | `http_<status>` |
 * | 410 | rejected; the caller deactivates the webhook | `gone` |
 * | other 4xx | rejected | `http_<status>` |
 * | 5xx | retryable | `http_<status>` |
 * | any other status | rejected | `http_<status>` |
 * | url or address refused by the destination guard | rejected | `forbidden_destination_<rule>` |
 * | any other failure | retryable | its kind |
 *
 * `retryStatuses` counts for 4xx only.
 */
export function classify(
  result: SendResult,
  { retryStatuses }: { retryStatuses: readonly number[] },
): Classification {
  switch (result.kind) {
    case 'response':
      return classifyStatus(result.status, retryStatuses);
    case 'forbidden_destination':
      return { outcome: 'rejected', reason: `${result.kind}_${result.rule}` };
    case 'timeout':
    case 'dns':
    case 'refused':
    case 'unreachable':
    case 'reset':
    case 'tls':
    case 'protocol':
      return { outcome: 'retryable', reason: result.kind };
    default:
      return neverResult(result);
  }
}

function classifyStatus(status: number, retryStatuses: readonly number[]): Classification {
  const reason = `http_${status}`;
  switch (Math.floor(status / 100)) {
    case 2:
      return { outcome: 'delivered', reason };
    case 3:
      return { outcome: 'rejected', reason: 'redirect' };
    case 4:
      if (retryStatuses.includes(status)) return { outcome: 'retryable', reason };
      return { outcome: 'rejected', reason: status === 410 ? 'gone' : reason };
    case 5:
      return { outcome: 'retryable', reason };
    default:
      return { outcome: 'rejected', reason };
  }
}

function neverResult(result: never): never {
  throw new Error(`unknown result ${JSON.stringify(result)}`);
}
