import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** A helper process of a benchmark; `ask` sends a message and resolves with the next answer of the wanted kind. */
export class Child {
  private readonly process: ChildProcess;

  constructor(file: string) {
    this.process = fork(join(import.meta.dirname, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Resolves with the next message of that kind; rejects when the process ends before. */
  next<T>(kind: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`a helper process ended with ${code}`));
      const onMessage = (message: { kind: string } & T): void => {
        if (message.kind !== kind) return;
        this.process.off('message', onMessage).off('exit', onExit);
        resolve(message);
      };
      this.process.on('message', onMessage).on('exit', onExit);
    });
  }

  ask<T>(message: object, kind: string): Promise<T> {
    const answer = this.next<T>(kind);
    this.process.send(message);
    return answer;
  }

  close(): void {
    if (this.process.connected) this.process.disconnect();
  }
}
