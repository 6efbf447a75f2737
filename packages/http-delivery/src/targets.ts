import { refuseText, refuseUrl, type DestinationPolicy, type Refusal } from '@dits/domain';
import { LRUCache } from 'lru-cache';

/** What a url says of where it leads: as the URL standard reads it, or why the policy refuses it. */
export type Target = { url: URL; origin: string } | { refusal: Refusal };

// Urls in use at a time, about; each takes some 500 bytes.
const MAX_URLS = 10_000;

/**
 * Reads and judges urls, each once while it is in use: to read one and to find the class of its address takes as long as to sign
 * a delivery. The address that a name leads to is not judged here, but at each connect.
 */
export class Targets {
  private readonly known = new LRUCache<string, Target>({ max: MAX_URLS });

  constructor(private readonly policy: DestinationPolicy) {}

  of(text: string): Target {
    const known = this.known.get(text);
    if (known) return known;
    const target = this.judge(text);
    this.known.set(text, target);
    return target;
  }

  private judge(text: string): Target {
    const url = URL.parse(text);
    if (!url) return { refusal: refuseText() };
    const refusal = refuseUrl(url, this.policy);
    return refusal ? { refusal } : { url, origin: url.origin };
  }
}
