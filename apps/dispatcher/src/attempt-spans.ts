import type { Delivery, Outcome } from '@dits/contracts';
import type { SendResult } from '@dits/domain';
import type { Span, TraceContext, Tracing } from '@dits/runtime';

/** The span of one POST. */
export function attemptSpan(
  tracing: Tracing,
  o: { delivery: Delivery; url: string; parent: TraceContext | undefined },
): Span {
  const { delivery, url, parent } = o;
  return tracing.span('POST', {
    kind: 'client',
    parent,
    attributes: () => {
      const to = URL.parse(url);
      return {
        'http.request.method': 'POST',
        // No path and no query: many receivers have their secret there.
        'server.address': to?.hostname,
        'server.port': to ? Number(to.port) || (to.protocol === 'http:' ? 80 : 443) : undefined,
        'url.scheme': to?.protocol.slice(0, -1),
        'http.request.resend_count': delivery.attempt > 1 ? delivery.attempt - 1 : undefined,
        'dits.delivery_id': delivery.delivery_id,
        'dits.webhook_id': delivery.webhook_id,
        'dits.attempt': delivery.attempt,
      };
    },
  });
}

/** Ends it with what came of the attempt. */
export function endAttempt(span: Span, { result, outcome }: { result: SendResult; outcome: Outcome }): void {
  span.set(() => ({
    'http.response.status_code': result.kind === 'response' ? result.status : undefined,
    'network.peer.address': result.remoteAddress ?? undefined,
    'dits.outcome': outcome,
    ...Object.fromEntries(
      Object.entries(result.phasesMs).map(([phase, ms]) => [`dits.phase.${phase}_ms`, ms]),
    ),
  }));
  if (result.kind !== 'response') span.end(result.kind);
  else span.end(result.status >= 400 ? String(result.status) : undefined);
}

/** The answer; a fault of ours ends the span. */
export async function endOnFault<T>(span: Span, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    span.end('fault');
    throw error;
  }
}
