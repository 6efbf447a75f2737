import { tokenOf } from '@dits/runtime';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

export const ACTOR_KINDS = ['token', 'jwt', 'system', 'command'] as const;

/** Who makes a change, and from where. */
export interface Actor {
  kind: (typeof ACTOR_KINDS)[number];
  /** Id of the token or of the JWT's subject; else the kind once more. */
  id: string;
  /** Name of the token, subject of the JWT, or the command. */
  name: string | null;
  /** Of a JWT. */
  issuer: string | null;
  address: string | null;
  requestId: string | null;
}

/** The service, by itself. */
export const SYSTEM: Actor = {
  kind: 'system',
  id: 'system',
  name: null,
  issuer: null,
  address: null,
  requestId: null,
};

/** Somebody at a command line of ours. */
export function commandActor(name: string): Actor {
  return { ...SYSTEM, kind: 'command', id: 'command', name };
}

/** Who makes the request, as a parameter of a handler. */
export const By: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): Actor => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { tokenId, name, subject, issuer } = tokenOf(request)!;
    return {
      kind: subject === undefined ? 'token' : 'jwt',
      id: tokenId,
      name: subject ?? name ?? null,
      issuer: issuer ?? null,
      address: request.ip,
      requestId: request.id,
    };
  },
);
