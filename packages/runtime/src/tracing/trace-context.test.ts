import { describe, expect, it } from '@jest/globals';
import { traceContextOf, traceHeaders } from './trace-context.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a trace context', () => {
  it.each([
    ['of an HTTP request', { traceparent: TRACEPARENT, tracestate: 'a=1,b=2' }],
    ['of a record', { traceparent: Buffer.from(TRACEPARENT), tracestate: Buffer.from('a=1,b=2') }],
  ])('is read from the headers %s, and handed on as it came', (_, headers) => {
    expect(traceHeaders(traceContextOf(headers))).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'a=1,b=2',
    });
  });

  it.each([
    ['no header', {}],
    ['no version', { traceparent: TRACEPARENT.slice(3) }],
    ['the version that is forbidden', { traceparent: TRACEPARENT.replace('00-', 'ff-') }],
    ['upper case', { traceparent: TRACEPARENT.toUpperCase() }],
    ['a trace id of zeros', { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }],
    ['a span id of zeros', { traceparent: `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01` }],
    ['a line break', { traceparent: `${TRACEPARENT}\nx` }],
    ['no end', { traceparent: `${TRACEPARENT}-${'x'.repeat(10_000)}` }],
    ['two values', { traceparent: [TRACEPARENT, TRACEPARENT] }],
  ])('is none with %s', (_, headers) => {
    expect(traceHeaders(traceContextOf(headers))).toEqual({});
  });

  it('leaves out what tracing systems add when it is longer than anybody has to carry', () => {
    const tracestate = `a=${'x'.repeat(600)}`;
    expect(traceContextOf({ traceparent: TRACEPARENT, tracestate })).toEqual({ traceparent: TRACEPARENT });
  });
});
