import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitEvent } from './events-of-push.js';
import { readPush, type Push } from './push.js';

// The gateway takes 1,000 events a request; the bytes keep a request and our memory small.
const MAX_BATCH_EVENTS = 1_000;
const MAX_BATCH_BYTES = 3 * 1024 * 1024;

const RECEIVED = /^received-.*\.txt$/;
const IN_ORDER = /^\d{15}-.*\.(push|events)\.json$/;

/** An event the gateway will not have, with what it said. */
export interface Refusal {
  refused_at: string;
  status: number;
  answer: string;
  event: GitEvent;
}

/**
 * Pushes and events on their way to the gateway: a folder in the repository. In it, in the order of their lives:
 *
 * - `received-<pid>-<seconds>.txt`: what the hook was told, kept before anything else happens (see `readPush`);
 * - `<time>-<push>.push.json`: a push whose events are still to be made;
 * - `<time>-<push>-<number>.events.json`: the body of one request;
 * - `refused/`: what the gateway will not have; never sent again by itself.
 *
 * Every file is whole or not there. Names of the second and third kind sort in the order of the pushes. Except for
 * `addReceived`, only the holder of the lock calls what writes.
 */
export class Spool {
  readonly dir: string;

  constructor(gitDir: string) {
    this.dir = join(gitDir, 'dits-spool');
  }

  async open(): Promise<void> {
    await mkdir(join(this.dir, 'refused'), { recursive: true, mode: 0o770 });
  }

  /** Keeps what the hook was told. From here on it is not lost. */
  async addReceived(text: Buffer, nowMs: number): Promise<void> {
    await this.write(`received-${randomBytes(4).toString('hex')}-${Math.floor(nowMs / 1000)}.txt`, text);
  }

  /** True when nothing waits to be sent. */
  async isEmpty(): Promise<boolean> {
    return (await this.names()).every((name) => !IN_ORDER.test(name) && !RECEIVED.test(name));
  }

  /** When the newest push came; undefined when nothing waits. */
  async newestMs(): Promise<number | undefined> {
    const inOrder = (await this.list()).at(-1);
    const received = (await this.received()).at(-1);
    const times = [...(inOrder ? [stampOf(inOrder)] : []), ...(received ? [received.atMs] : [])];
    return times.length === 0 ? undefined : Math.max(...times);
  }

  /** Makes pushes of all that hooks have left, in the order in which it came. */
  async adoptReceived(): Promise<void> {
    for (const { name, atMs } of await this.received()) {
      // Adopted twice when we die between: then with the same id, and so the same events.
      const id = createHash('sha256').update(`${name} ${atMs}`).digest('hex').slice(0, 8);
      const push = readPush({ text: await readFile(join(this.dir, name)), id, atMs });
      if (push.updates.length > 0) await this.addPush(push);
      await this.remove(name);
    }
  }

  private async addPush(push: Push): Promise<void> {
    const newest = (await this.list()).at(-1);
    // A clock that was set back must not put this push before one that came earlier.
    const stamp = Math.max(push.atMs, newest ? stampOf(newest) + 1 : 0);
    await this.write(`${String(stamp).padStart(15, '0')}-${push.id}.push.json`, JSON.stringify(push));
  }

  private async received(): Promise<{ name: string; atMs: number }[]> {
    const names = (await this.names()).filter((name) => RECEIVED.test(name)).sort();
    const files = await Promise.all(
      names.map(async (name) => ({ name, stats: await stat(join(this.dir, name)).catch(ifMissing(null)) })),
    );
    return files
      .flatMap(({ name, stats }) => (stats ? [{ name, atMs: Math.floor(stats.mtimeMs) }] : []))
      .sort((a, b) => a.atMs - b.atMs);
  }

  private names(): Promise<string[]> {
    return readdir(this.dir).catch(ifMissing<string[]>([]));
  }

  /** Names of pushes and bodies, in the order in which they are to be sent. */
  async list(): Promise<string[]> {
    return (await this.names()).filter((name) => IN_ORDER.test(name)).sort();
  }

  async readPush(name: string): Promise<Push> {
    return JSON.parse(await readFile(join(this.dir, name), 'utf8')) as Push;
  }

  /** Puts a push's events in its place. When it fails between, the push is still there and is done again. */
  async replacePush(name: string, events: AsyncIterable<GitEvent>): Promise<void> {
    const stem = name.replace(/\.push\.json$/, '');
    // Left from a try that was cut off.
    for (const other of await this.list()) {
      if (other.startsWith(`${stem}-`)) await this.remove(other);
    }
    let batch: string[] = [];
    let bytes = 0;
    let number = 0;
    const finish = async () => {
      if (batch.length === 0) return;
      const file = `${stem}-${String(number++).padStart(6, '0')}.events.json`;
      await this.write(file, `[${batch.join(',\n')}]`);
      batch = [];
      bytes = 0;
    };
    for await (const event of events) {
      const text = JSON.stringify(event);
      const size = Buffer.byteLength(text) + 2;
      if (batch.length >= MAX_BATCH_EVENTS || bytes + size > MAX_BATCH_BYTES) await finish();
      batch.push(text);
      bytes += size;
    }
    await finish();
    await this.remove(name);
  }

  /** The body of a request, as it was written. */
  async readBody(name: string): Promise<Buffer> {
    return readFile(join(this.dir, name));
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.dir, name), { force: true });
  }

  /** Puts an event aside. */
  async refuse(refusal: Refusal): Promise<string> {
    const name = join('refused', `${refusal.event.event_id}.json`);
    await this.write(name, `${JSON.stringify(refusal, null, 2)}\n`);
    return join(this.dir, name);
  }

  /** Puts all refused events back to be sent again, as the newest. Returns how many. */
  async takeBackRefused(nowMs: number): Promise<number> {
    const folder = join(this.dir, 'refused');
    const names = (await readdir(folder).catch(ifMissing<string[]>([]))).filter((n) => n.endsWith('.json'));
    const newest = (await this.list()).at(-1);
    const stamp = String(Math.max(nowMs, newest ? stampOf(newest) + 1 : 0)).padStart(15, '0');
    for (const [i, name] of names.sort().entries()) {
      const { event } = JSON.parse(await readFile(join(folder, name), 'utf8')) as Refusal;
      const number = String(i).padStart(6, '0');
      await this.write(`${stamp}-refused-${number}.events.json`, JSON.stringify([event]));
      await rm(join(folder, name));
    }
    return names.length;
  }

  private async write(name: string, text: string | Buffer): Promise<void> {
    const path = join(this.dir, name);
    const unfinished = `${path}.tmp`;
    const file = await open(unfinished, 'w', 0o660);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncFolder(join(path, '..'));
  }
}

/** Time in ms at the head of a file's name. */
function stampOf(name: string): number {
  return Number(name.slice(0, 15));
}

// A renamed file survives a power cut only when its folder is on the disk too.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
