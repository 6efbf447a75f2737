import type { WebhookScope } from '@dits/persistence';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ownerLogin } from './fields.js';
import { invalidFields, readFields } from './read-fields.js';

const INTEGER = /^(0|[1-9]\d{0,15})$/;

/** The repository or owner that a path names: `/v1/repos/{repo}/…` or `/v1/owners/{login}/…`. Throws a 422 that names it. */
export function scopeOf(params: Record<string, string | undefined>): WebhookScope {
  if (params.repo !== undefined) {
    const id = INTEGER.test(params.repo) ? Number(params.repo) : NaN;
    if (!Number.isSafeInteger(id)) {
      throw invalidFields([{ path: 'repo', message: 'must be an integer from 0 to 9007199254740991' }]);
    }
    return { repositoryId: id, ownerLogin: null };
  }
  const login = readFields(ownerLogin, params.login);
  if (login.kind === 'problems') {
    throw invalidFields(login.problems.map(({ message }) => ({ path: 'login', message })));
  }
  return { repositoryId: null, ownerLogin: login.fields };
}

/** Path of the webhooks of a scope. */
export function pathOf(scope: WebhookScope): string {
  return scope.repositoryId === null
    ? `/v1/owners/${encodeURIComponent(scope.ownerLogin)}/webhooks`
    : `/v1/repos/${scope.repositoryId}/webhooks`;
}

/** The scope that the request's path names, as a parameter of a handler. */
export const Scope: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): WebhookScope =>
    scopeOf(context.switchToHttp().getRequest<FastifyRequest>().params as Record<string, string>),
);
