import { createHash, randomUUID } from 'node:crypto';
import type { IdempotencyClaim, IdempotencyStore, Transaction } from '@dits/persistence';
import { ProblemException, tokenOf } from '@dits/runtime';
import type { SecretBox } from '@dits/signing';
import {
  createParamDecorator,
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { catchError, concatMap, from, of, type Observable } from 'rxjs';
import { reply, type Answer } from './answer.js';
import { invalidFields } from './read-fields.js';

/** What the interceptor needs. */
export interface IdempotencyDeps {
  store: IdempotencyStore;
  /** Answers may hold a secret, so they are stored sealed. */
  box: SecretBox;
  confirmed: () => Promise<boolean>;
  now: () => number;
}

export const IDEMPOTENCY_DEPS = Symbol('IDEMPOTENCY_DEPS');

/** Keeps the answer in the transaction of the change that it reports. */
export type KeepAnswer = (tx: Transaction, answer: Answer) => Promise<void>;

const HEADER = 'idempotency-key';
const KEY = /^[\x21-\x7e]{1,255}$/;
const keepers = new WeakMap<object, KeepAnswer>();

/** For the handler of a POST: call it in the transaction, so that a repeat of the request gets the same answer. */
export const Keeper: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): KeepAnswer =>
    keepers.get(context.switchToHttp().getRequest<FastifyRequest>().raw) ?? (() => Promise.resolve()),
);

/**
 * `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): for 24 h the same key with the same request and
 * token gets the first answer again; with another request 422; while the first is in progress 409.
 *
 * A request that ends in a problem is not kept: its repeat is tried anew.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(@Inject(IDEMPOTENCY_DEPS) private readonly deps: IdempotencyDeps) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const claim = claimOf(request);
    if (!claim) return next.handle();
    const result = await this.deps.store.claim(claim, new Date(this.deps.now()));
    switch (result.kind) {
      case 'claimed':
        keepers.set(request.raw, (tx, answer) => this.keep(claim, answer, tx));
        return next.handle().pipe(
          // Does nothing once an answer was kept.
          concatMap((body: unknown) => from(this.deps.store.release(claim).then(() => body))),
          catchError(async (error: unknown) => {
            await this.deps.store.release(claim).catch(() => undefined);
            throw error;
          }),
        );
      case 'answered':
        return of(await this.repeat(claim, result.answer, http.getResponse<FastifyReply>()));
      case 'in_progress':
        throw new ProblemException(409, {
          detail: 'A request with this Idempotency-Key is in progress.',
          code: 'request_in_progress',
          headers: { 'retry-after': '1' },
        });
      case 'other_request':
        throw new ProblemException(422, {
          detail: 'This Idempotency-Key was used for another request; take a new one for each request.',
          code: 'idempotency_key_reused',
          errors: [{ path: 'Idempotency-Key', message: 'was used for another request' }],
        });
      default:
        return result satisfies never;
    }
  }

  private keep(claim: IdempotencyClaim, answer: Answer, tx: Transaction): Promise<void> {
    return this.deps.store.keep(claim, this.deps.box.seal(JSON.stringify(answer), placeOf(claim)), tx);
  }

  private async repeat(claim: IdempotencyClaim, sealed: string, to: FastifyReply): Promise<unknown> {
    // The first answer may have been "stored, not yet active"; what it promises must hold before it is repeated.
    if (!(await this.deps.confirmed())) {
      throw new ProblemException(503, {
        detail: 'The change of the first request with this Idempotency-Key is stored and not active yet.',
        code: 'stored_not_active',
        headers: { 'retry-after': '5' },
      });
    }
    const answer = JSON.parse(this.deps.box.open(sealed, placeOf(claim))) as Answer;
    void to.header('idempotency-replayed', 'true');
    return reply(to, answer);
  }
}

function claimOf(request: FastifyRequest): IdempotencyClaim | null {
  const key = request.headers[HEADER];
  const token = tokenOf(request);
  if (request.method !== 'POST' || key === undefined || !token) return null;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw invalidFields([{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }]);
  }
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([request.method, request.url, request.body ?? null]))
    .digest();
  return { tokenId: token.tokenId, key, fingerprint, claimId: randomUUID() };
}

/** What a kept answer is sealed for. */
export function placeOf({ tokenId, key }: Pick<IdempotencyClaim, 'tokenId' | 'key'>): string {
  return `idempotency/${tokenId}/${key}`;
}
