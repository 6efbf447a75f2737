import type { Random } from '../seeded-random.ts';
import type { Rig } from '../rig.ts';

/** What an injection tells of itself. */
export interface Injected {
  /** What chance has decided, e.g. which broker. */
  detail?: string;
  /** Most deliveries that it may repeat; without it as many as it happens to. */
  repeatsAllowed?: number;
}

/** Something that breaks and is mended. */
export interface Fault {
  /** `<kind>` or `<kind>:<what>`; `--faults` takes either. */
  name: string;
  /** How long it lasts, ms; between the two by chance. Default 1 to 4 s. */
  lastsMs?: [least: number, most: number];
  /** Why it can't be done here; null when it can. */
  impossible?(rig: Rig): string | null;
  inject(rig: Rig, random: Random): Promise<Injected>;
  heal(rig: Rig): Promise<void>;
}
