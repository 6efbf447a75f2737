import { STATUS_CODES } from 'node:http';
import type { Problem } from '@dits/contracts';
import { HttpException } from '@nestjs/common';

/** An error as a client sees it: RFC 9457, with a stable `code` and the problem of every field. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  /** Path of the resource, when it says more than the request does. */
  instance?: string;
  errors?: Problem[];
}

/** What a thrower says; the rest follows from the status. */
export interface ProblemOptions {
  /** One sentence for a person; names the field when there is one. */
  detail: string;
  /** The standard text of the status when absent. */
  title?: string;
  /** Stable, snake_case, for programs; the status's text in snake_case when absent. */
  code?: string;
  errors?: Problem[];
  instance?: string;
  headers?: Record<string, string>;
}

/** An answer that is a problem. Thrown by handlers, guards and parsers; `ProblemFilter` writes it. */
export class ProblemException extends HttpException {
  readonly body: ProblemBody;
  readonly headers: Record<string, string>;

  constructor(status: number, o: ProblemOptions, options?: ErrorOptions) {
    const body = problemBody(status, o);
    super(body, status, options);
    this.message = o.detail;
    this.body = body;
    this.headers = o.headers ?? {};
  }
}

/** The body of a problem, with what follows from its status filled in. */
export function problemBody(status: number, o: ProblemOptions): ProblemBody {
  const reason = STATUS_CODES[status] ?? 'Error';
  return {
    type: 'about:blank',
    title: o.title ?? reason,
    status,
    detail: o.detail,
    code: o.code ?? reason.toLowerCase().replaceAll(/[^a-z]+/g, '_'),
    ...(o.instance !== undefined && { instance: o.instance }),
    ...(o.errors && { errors: o.errors }),
  };
}
