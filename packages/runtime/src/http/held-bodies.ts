import type { FastifyReply, FastifyRequest } from 'fastify';
import { tokenOf } from './bearer-guard.js';

/**
 * Bytes of request bodies that a process holds, each from its arrival to the end of the answer: so the memory does not grow with
 * the number of clients that send at once, or that stop in the middle.
 */
export class HeldBodies {
  private held = 0;
  private readonly heldByToken = new Map<string, number>();
  private readonly ofRequest = new WeakMap<object, { token: string; bytes: number }>();

  /** One token may fill half of `maxBytes`, so that no tenant shuts out the others. */
  constructor(private readonly maxBytes: number) {}

  /** Begins to count for a request, whose token is known; what it takes is given back with the end of its answer. */
  follow(request: FastifyRequest, reply: FastifyReply): void {
    const share = { token: tokenOf(request)?.tokenId ?? '', bytes: 0 };
    this.ofRequest.set(request.raw, share);
    // Not the hook onResponse: it does not come when the client has gone.
    reply.raw.once('close', () => this.add(share, -share.bytes));
  }

  /** Counts bytes that have come; false, and they are not counted, when there is no room for them. */
  take(request: FastifyRequest, bytes: number): boolean {
    const share = this.ofRequest.get(request.raw)!;
    const ofToken = this.heldByToken.get(share.token) ?? 0;
    if (this.held + bytes > this.maxBytes || ofToken + bytes > this.maxBytes / 2) return false;
    this.add(share, bytes);
    return true;
  }

  private add(share: { token: string; bytes: number }, bytes: number): void {
    share.bytes += bytes;
    this.held += bytes;
    const ofToken = (this.heldByToken.get(share.token) ?? 0) + bytes;
    if (ofToken > 0) this.heldByToken.set(share.token, ofToken);
    else this.heldByToken.delete(share.token);
  }
}
