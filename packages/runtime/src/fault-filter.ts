import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';

/**
 * Hands a handler's error on as it is. Without it Nest logs an unknown error and replaces it by
 * `{status: 'error'}`, and the consumer would not see what went wrong.
 */
@Catch()
export class FaultFilter implements RpcExceptionFilter {
  catch(exception: unknown): Observable<never> {
    return throwError(() => exception);
  }
}
