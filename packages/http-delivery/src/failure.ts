import type { SendFailureKind, SendPhase } from '@dits/domain';

const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET']);
const UNREACHABLE = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EACCES',
]);

/** What an error means, by its code and the phase it came in; never by its message. */
export function failureKind(error: unknown, phase: SendPhase): SendFailureKind {
  const code = codeOf(error);
  switch (phase) {
    case 'dns':
      return 'dns';
    case 'connect':
      if (code === 'ECONNREFUSED') return 'refused';
      if (code === 'ETIMEDOUT') return 'timeout';
      return UNREACHABLE.has(code) ? 'unreachable' : 'reset';
    case 'tls':
      return CLOSED.has(code) ? 'reset' : 'tls';
    case 'send':
    case 'headers':
    case 'body':
      if (code === 'ETIMEDOUT') return 'timeout';
      return CLOSED.has(code) ? 'reset' : 'protocol';
  }
}

/** True when the other side, or the way to it, closed the connection. */
export function isClosed(error: unknown): boolean {
  return CLOSED.has(codeOf(error));
}

/** A sentence for the webhook's owner: the code, and what the system or OpenSSL says to it. */
export function describe(error: unknown): string {
  const text = (error as Error).message || addressErrors(error).map(describe).join('; ');
  const code = codeOf(error);
  return text.includes(code) ? text : [code, text].filter(Boolean).join(': ');
}

function codeOf(error: unknown): string {
  const codes = addressErrors(error).map(codeOf);
  // An address that refuses says more about the receiver than one to which there is no way.
  const telling = ['ECONNREFUSED', 'ETIMEDOUT'].find((code) => codes.includes(code)) ?? codes[0];
  return telling ?? (error as NodeJS.ErrnoException).code ?? '';
}

/** When several addresses were tried: the error of each. Such an AggregateError has no message of its own. */
function addressErrors(error: unknown): unknown[] {
  const { errors } = error as AggregateError;
  return Array.isArray(errors) ? errors : [];
}
