import { createHash } from 'node:crypto';
import { listCommits, person, readCommit, shortenMessage, type EventCommit } from './commits.js';
import type { Git } from './git.js';
import { mapInOrder } from './map-in-order.js';
import { isZero, systemSender, type Push, type RefUpdate } from './push.js';
import type { Account, Settings } from './settings.js';

/** An event as the gateway takes it. */
export interface GitEvent {
  event: 'push' | 'push.force' | 'push.tag' | 'branch.created' | 'branch.deleted' | 'tag.created';
  repository: Settings['repository'];
  sender: Account;
  ref: string;
  event_id: string;
  occurred_at: string;
  [field: string]: unknown;
}

/** What {@link eventsOfPush} needs besides the push. */
export interface EventsOfPushContext {
  git: Git;
  settings: Settings;
  /** Pushes that came after this one and may have moved refs since, oldest first. */
  later: Push[];
  /** Told when a ref's commits can't be read; its event is then made without them. */
  onProblem: (message: string) => void;
}

// The gateway takes 1 MiB an event; the rest is for everything beside the list of commits.
const MAX_COMMITS_BYTES = 400_000;
// Receivers get 100 kB, so less than this would show.
const MIN_COMMITS_BYTES = 120_000;
// What the commit lists of one push may weigh together before each gets less.
const PUSH_COMMITS_BYTES = 64 * 1024 * 1024;
// git processes at a time: enough to hide their start, few enough for a host that serves others.
const CONCURRENCY = 4;

/**
 * Turns a push into its events: one per ref, in the order of the push. Which event, tells the table in the README.
 *
 * Same push, same ids. What is new to the repository is judged by the refs as they were before the push.
 */
export async function* eventsOfPush(push: Push, context: EventsOfPushContext): AsyncGenerator<GitEvent> {
  const { git } = context;
  const objects = await inspect(git, push.updates);
  const existing = await refsBefore(git, push, context.later);
  const fresh = await freshTips(context, push.updates, objects, existing);
  const maxBytes = Math.min(
    MAX_COMMITS_BYTES,
    Math.max(MIN_COMMITS_BYTES, Math.floor(PUSH_COMMITS_BYTES / Math.max(1, push.updates.length))),
  );
  yield* mapInOrder(push.updates, CONCURRENCY, (update, index) =>
    eventOf({ update, index, push, objects, existing, fresh, maxBytes, context }),
  );
}

interface EventInput {
  update: RefUpdate;
  index: number;
  push: Push;
  objects: Objects;
  existing: string[];
  fresh: { tags: FreshTips; others: FreshTips };
  maxBytes: number;
  context: EventsOfPushContext;
}

async function eventOf(input: EventInput): Promise<GitEvent> {
  const { update, index, push, objects, existing, fresh, context } = input;
  const { ref, before, after } = update;
  const { settings, git } = context;
  const created = isZero(before);
  const deleted = isZero(after);
  const make = (event: GitEvent['event'], own: Record<string, unknown>): GitEvent => ({
    event,
    repository: settings.repository,
    sender: push.sender ?? settings.sender ?? systemSender(),
    ref,
    ...own,
    event_id: eventId(settings.repository.id, push, index, update),
    occurred_at: new Date(push.atMs).toISOString(),
  });

  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? [];
  const tip = objects.commitOf(after);
  const { tips, exclude } = kind === 'tags' ? fresh.tags : fresh.others;
  // What came with a new or moved ref; undefined when nothing did.
  const brought = tip !== undefined && tips.has(tip) ? { tip, exclude } : undefined;

  if (kind === 'tags') {
    if (created && !brought) {
      return make('tag.created', {
        tag: name,
        sha: objects.peeled(after),
        ...(await readTag(git, objects, after)),
      });
    }
    return make('push.tag', {
      tag: name,
      before,
      after,
      forced: !created && !deleted,
      ...(await pushed(input, tip, brought)),
    });
  }
  if (kind === 'heads') {
    if (deleted) return make('branch.deleted', { branch: name, sha: before });
    if (created && !brought && existing.length > 0) {
      return make('branch.created', { branch: name, sha: after });
    }
  }
  if (created || deleted || !objects.commitOf(before)) {
    // Without its old commit a moved ref can only have been forced: what is reachable is never pruned.
    const moved = !created && !deleted;
    const own = { before, after, forced: moved, ...(await pushed(input, tip, brought)) };
    return make(moved ? 'push.force' : 'push', own);
  }
  const base = objects.commitOf(before)!;
  const forced = tip === undefined ? objects.exists(after) : !(await isAncestor(context, base, tip));
  const range = tip === undefined ? undefined : { tip, exclude: [base] };
  const own = {
    before,
    after,
    forced,
    ...compareUrl(settings, update),
    ...(await pushed(input, tip, range)),
  };
  return make(forced ? 'push.force' : 'push', own);
}

/** The fields that tell of commits. */
async function pushed(
  { context: { git, settings, onProblem }, update, maxBytes }: EventInput,
  tip: string | undefined,
  range: { tip: string; exclude: string[] } | undefined,
): Promise<Record<string, unknown>> {
  const none = { commits: [] as EventCommit[], total_commits: 0 };
  if (tip === undefined) return none;
  try {
    const repositoryUrl = settings.repository.url;
    const list = range
      ? await listCommits(git, range, { maxBytes, repositoryUrl })
      : { commits: [], total: 0, truncated: false };
    const newest = list.commits.at(-1);
    return {
      commits: list.commits,
      head_commit: newest?.id === tip ? newest : await readCommit(git, tip, repositoryUrl),
      total_commits: list.total,
      ...(list.truncated ? { commits_truncated: true } : {}),
    };
  } catch (error) {
    if (git.aborted) throw error;
    onProblem(`the commits of ${update.ref} can't be read: ${(error as Error).message}`);
    return { commits: [], commits_truncated: true };
  }
}

function compareUrl({ repository }: Settings, { before, after }: RefUpdate): { compare_url?: string } {
  return repository.url ? { compare_url: `${repository.url}/compare/${before}...${after}` } : {};
}

/** UUIDv8 of what makes an event this event; the same push always gives the same ids. */
function eventId(repositoryId: number, push: Push, index: number, { ref, before, after }: RefUpdate): string {
  const hash = createHash('sha256')
    .update([repositoryId, push.atMs, push.id, index, before, after, ref].join('\0'))
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** What the object ids of a push are. */
interface Objects {
  /** The commit an id is, or an annotated tag leads to; undefined for zeros, trees, blobs and what is gone. */
  commitOf(id: string): string | undefined;
  /** What an annotated tag leads to, whatever it is; any other id itself. */
  peeled(id: string): string;
  isTag(id: string): boolean;
  exists(id: string): boolean;
}

async function inspect(git: Git, updates: RefUpdate[]): Promise<Objects> {
  const ids = [...new Set(updates.flatMap(({ before, after }) => [before, after]))].filter(
    (id) => !isZero(id),
  );
  const { stdout } = await git.run(['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    input: ids.map((id) => `${id}\n${id}^{}\n`).join(''),
  });
  const lines = stdout.toString('utf8').split('\n');
  const types = new Map<string, { type?: string; peeledId?: string; peeledType?: string }>();
  for (const [i, id] of ids.entries()) {
    const [, type] = lines[2 * i]!.split(' ');
    const [peeledId, peeledType] = lines[2 * i + 1]!.split(' ');
    if (type !== 'missing') types.set(id, { type, peeledId, peeledType });
  }
  return {
    commitOf(id) {
      const known = types.get(id);
      return known?.peeledType === 'commit' ? known.peeledId : undefined;
    },
    peeled(id) {
      const known = types.get(id);
      return known?.peeledType && known.peeledType !== 'missing' ? known.peeledId! : id;
    },
    isTag: (id) => types.get(id)?.type === 'tag',
    exists: (id) => types.has(id),
  };
}

/** What all refs pointed to before the push. Empty when the repository was. */
async function refsBefore(git: Git, push: Push, later: Push[]): Promise<string[]> {
  const refs = new Map<string, string>();
  const listing = await git.text(['for-each-ref', '--format=%(objectname) %(refname)']);
  for (const line of listing.split('\n')) {
    if (line) refs.set(line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' ')));
  }
  // Undo what came after, newest first, then the push itself.
  for (const { updates } of [push, ...later].reverse()) {
    for (const { ref, before } of updates) refs.set(ref, before);
  }
  return [...new Set(refs.values())].filter((id) => !isZero(id));
}

/** Which tips bring commits, and what to exclude to see only those. */
interface FreshTips {
  tips: Set<string>;
  exclude: string[];
}

/**
 * What the branches bring is judged by the refs as they were before the push; what the tags bring, also by the branches
 * after it. So a tag is the same event whether it is pushed together with its branch or after it.
 */
async function freshTips(
  context: EventsOfPushContext,
  updates: RefUpdate[],
  objects: Objects,
  existing: string[],
): Promise<{ tags: FreshTips; others: FreshTips }> {
  const tips = { tags: new Set<string>(), others: new Set<string>() };
  const branches = new Set<string>();
  for (const { ref, before, after } of updates) {
    const tip = objects.commitOf(after);
    if (!tip) continue;
    if (ref.startsWith('refs/tags/')) tips.tags.add(tip);
    else if (isZero(before) || !objects.commitOf(before)) tips.others.add(tip);
    if (!ref.startsWith('refs/tags/')) branches.add(tip);
  }
  return {
    others: await bringing(context, tips.others, existing),
    tags: await bringing(context, tips.tags, [...existing, ...branches]),
  };
}

/**
 * Asks once for all tips: commits reachable from them and from nothing in `known`. The exclusion is then the boundary
 * of that set, which is as good as all of `known` and mostly much shorter.
 */
async function bringing(
  { git, onProblem }: EventsOfPushContext,
  candidates: Set<string>,
  known: string[],
): Promise<FreshTips> {
  const fresh: FreshTips = { tips: new Set(), exclude: [] };
  if (candidates.size === 0) return fresh;
  const onLine = (line: string) => {
    if (line.startsWith('-')) fresh.exclude.push(line.slice(1));
    else if (candidates.has(line)) fresh.tips.add(line);
  };
  let unfinished = '';
  try {
    await git.stream(
      ['rev-list', '--boundary', '--ignore-missing', '--stdin'],
      { input: [...candidates, ...known.map((id) => `^${id}`)].join('\n') + '\n' },
      (chunk) => {
        const lines = (unfinished + chunk.toString('latin1')).split('\n');
        unfinished = lines.pop()!;
        lines.forEach(onLine);
        return true;
      },
    );
  } catch (error) {
    if (git.aborted) throw error;
    onProblem(`which commits are new can't be told: ${(error as Error).message}`);
    return { tips: new Set(), exclude: [] };
  }
  return fresh;
}

async function isAncestor(
  { git, onProblem }: EventsOfPushContext,
  older: string,
  newer: string,
): Promise<boolean> {
  try {
    const { exitCode } = await git.run(['merge-base', '--is-ancestor', older, newer], { okCodes: [0, 1] });
    return exitCode === 0;
  } catch (error) {
    if (git.aborted) throw error;
    onProblem(`the history between ${older} and ${newer} can't be read: ${(error as Error).message}`);
    return false;
  }
}

/** Message and tagger of an annotated tag; nothing for a lightweight one. */
async function readTag(git: Git, objects: Objects, id: string): Promise<Record<string, unknown>> {
  if (!objects.isTag(id)) return {};
  const { stdout } = await git.run(['cat-file', 'tag', id]);
  const text = stdout.toString('utf8');
  const [headers = ''] = text.split('\n\n', 1);
  const [, name, email] = /^tagger (.*?) ?<([^>\n]*)>/m.exec(headers) ?? [];
  const message = text
    .slice(headers.length + 2)
    .replace(/^-----BEGIN (PGP|SSH|SIGNED)[ A-Z]*-----$[^]*/m, '')
    .trimEnd();
  return {
    message: shortenMessage(message),
    ...(name === undefined && email === undefined ? {} : { tagger: person(name, email) }),
  };
}
