// Loaded into an app before anything else (`node --import`): its wall clock is off by the milliseconds in a file, and
// follows when they change. Timers and performance.now() go on as they are, as with a real step of the system's clock.
import { readFileSync, watchFile } from 'node:fs';

const file = process.env.CHAOS_CLOCK_FILE;
if (file) {
  const RealDate = Date;
  const realNow = RealDate.now;
  let offsetMs = 0;
  const read = () => {
    try {
      offsetMs = Number(readFileSync(file, 'utf8')) || 0;
    } catch {
      offsetMs = 0;
    }
  };
  read();
  watchFile(file, { interval: 250, persistent: false }, read);
  const now = () => realNow() + offsetMs;
  RealDate.now = now;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
  });
}
