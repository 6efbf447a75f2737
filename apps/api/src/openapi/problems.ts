import { problemBody } from '@dits/runtime';
import { ApiResponse } from '@nestjs/swagger';

const PROBLEMS: Record<number, { description: string; detail: string; code?: string; errors?: object[] }> = {
  400: { description: 'The body is not JSON.', detail: 'The body is not JSON.', code: 'malformed_json' },
  401: {
    description: 'No token, or one that is not good.',
    detail: 'The token is not valid.',
    code: 'invalid_token',
  },
  403: {
    description: 'The token lacks the scope, or is limited to other repositories or owners.',
    detail: 'The token does not have the scope webhooks:write.',
    code: 'insufficient_scope',
  },
  404: { description: 'It does not exist, or not for this token.', detail: 'There is nothing here.' },
  409: {
    description:
      'A request with this Idempotency-Key is in progress, or what it is about does not allow it now: `code` says which.',
    detail: 'A request with this Idempotency-Key is in progress.',
    code: 'request_in_progress',
  },
  410: {
    description: 'It is no longer kept; `detail` says what.',
    detail:
      'The body of event 019aba1d-0a3f-7b02-8a4e-0c1d2e3f4a5b is no longer kept, so it can not be delivered again.',
    code: 'body_expired',
  },
  413: { description: 'The body is larger than 256 KiB.', detail: 'The body is too large.' },
  415: { description: 'The body is not application/json.', detail: 'The body must be application/json.' },
  422: {
    description: 'A field or parameter is wrong; `errors` names each.',
    detail: 'url: must begin with https:// or http://',
    code: 'invalid_fields',
    errors: [{ path: 'url', message: 'must begin with https:// or http://' }],
  },
  429: {
    description: 'The token has used up its rate, or too many bad tokens came from this address.',
    detail: 'This token has used up its rate of 50 requests a second.',
    code: 'rate_limited',
  },
  500: { description: 'A mistake of ours.', detail: 'Something went wrong here.', code: 'internal' },
  503: {
    description:
      'Not possible at the moment; `Retry-After` says when to try again. With the code `stored_not_active` the change is stored and becomes active by itself.',
    detail: 'Not possible at the moment; try again.',
    code: 'unavailable',
  },
};

const HEADERS: Record<number, Record<string, object>> = {
  401: { 'WWW-Authenticate': { description: 'RFC 6750.', schema: { type: 'string' } } },
  429: {
    'Retry-After': { description: 'Seconds.', schema: { type: 'string' } },
    'RateLimit-Policy': {
      description: 'draft-ietf-httpapi-ratelimit-headers-10.',
      schema: { type: 'string' },
    },
    RateLimit: { description: 'What is left of it; on every answer.', schema: { type: 'string' } },
  },
  503: { 'Retry-After': { description: 'Seconds.', schema: { type: 'string' } } },
};

/** The response of a problem, with an example. */
export function problemResponse(status: number): MethodDecorator {
  const { description, detail, code, errors } = PROBLEMS[status]!;
  return ApiResponse({
    status,
    description,
    ...(HEADERS[status] && { headers: HEADERS[status] }),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        example: problemBody(status, {
          detail,
          ...(code && { code }),
          ...(errors && { errors: errors as never }),
        }),
      },
    },
  });
}
