import { NulSplitter, type Git } from './git.js';

/** A commit as an event carries it. */
export interface EventCommit {
  id: string;
  message: string;
  author: { name: string; email: string };
  committer: { name: string; email: string };
  timestamp?: string;
  url?: string;
  /** The three lists are absent when they are too long to carry. */
  added?: string[];
  modified?: string[];
  removed?: string[];
}

/** Commits of one push to one ref. */
export interface CommitList {
  /** Oldest first; the newest ones when they don't all fit. */
  commits: EventCommit[];
  total: number;
  truncated: boolean;
}

/** Which commits: reachable from `tip`, not from any of `exclude`. */
export interface CommitRange {
  tip: string;
  exclude: string[];
}

// Together these keep the largest commit, which an event may carry twice (in the list and as its head), well
// under 1 MiB: (32 Ki characters of message x 6 bytes + 200 kB of paths) x 2.
const MAX_MESSAGE_CHARS = 32 * 1024;
const MAX_NAME_CHARS = 1_000;
const MAX_PATHS_BYTES = 200_000;
const MAX_TOKEN_BYTES = 256 * 1024;

/**
 * The commits of `range`, the newest first until `maxBytes` of JSON are full, handed back oldest first.
 *
 * The newest commit is always there. Memory stays bounded: git is ended when the list is full, and the number of
 * all commits is then counted by git.
 */
export async function listCommits(
  git: Git,
  range: CommitRange,
  { maxBytes, repositoryUrl }: { maxBytes: number; repositoryUrl?: string },
): Promise<CommitList> {
  const newestFirst: EventCommit[] = [];
  let bytes = 0;
  const truncated = await readLog(git, revisions(range), ['--date-order'], (commit) => {
    if (repositoryUrl) commit.url = `${repositoryUrl}/commit/${commit.id}`;
    bytes += Buffer.byteLength(JSON.stringify(commit)) + 1;
    if (bytes > maxBytes && newestFirst.length > 0) return false;
    newestFirst.push(commit);
    return true;
  });
  const total = truncated ? await countCommits(git, range) : newestFirst.length;
  return { commits: newestFirst.reverse(), total, truncated };
}

/** One commit alone. */
export async function readCommit(git: Git, id: string, repositoryUrl?: string): Promise<EventCommit> {
  let found: EventCommit | undefined;
  await readLog(git, `${id}\n`, ['--no-walk'], (commit) => {
    found = commit;
    return true;
  });
  if (!found) throw new Error(`git log shows nothing for ${id}`);
  if (repositoryUrl) found.url = `${repositoryUrl}/commit/${id}`;
  return found;
}

async function countCommits(git: Git, range: CommitRange): Promise<number> {
  const { stdout } = await git.run(['rev-list', '--count', '--ignore-missing', '--stdin'], {
    input: revisions(range),
  });
  return Number(stdout.toString());
}

function revisions({ tip, exclude }: CommitRange): string {
  return `${tip}\n${exclude.map((id) => `^${id}\n`).join('')}`;
}

const HEADER_MARK = 1;
const HEADER_FIELDS = 7;

/**
 * Reads `git log -z --name-status`: per commit seven NUL-ended fields, the first marked by a 0x01 byte, then pairs of
 * status and path. A status is one letter, so a header can't be taken for one; a path can hold anything but NUL.
 * Returns true when `onCommit` said `false`: no more wanted.
 */
async function readLog(
  git: Git,
  input: string,
  options: string[],
  onCommit: (commit: EventCommit) => boolean,
): Promise<boolean> {
  let header: Buffer[] = [];
  let paths = new PathLists();
  let status: string | undefined;
  let stopped = false;

  const finish = (): boolean => {
    if (header.length === 0) return true;
    const commit = toCommit(header, paths);
    header = [];
    paths = new PathLists();
    status = undefined;
    stopped = !onCommit(commit);
    return !stopped;
  };
  const onToken = (token: Buffer): boolean => {
    if (header.length > 0 && header.length < HEADER_FIELDS) {
      header.push(token);
    } else if (status !== undefined) {
      paths.add(status, token.toString('utf8'));
      status = undefined;
    } else if (token[0] === HEADER_MARK) {
      if (!finish()) return false;
      header.push(token.subarray(1));
    } else {
      // The first pair of a commit begins with a newline; between commits stands an empty token.
      const letter = token.toString('latin1').trim();
      if (letter !== '') status = letter;
    }
    return true;
  };

  const splitter = new NulSplitter(MAX_TOKEN_BYTES);
  await git.stream(
    [
      // What a server's or a user's configuration could change about the output.
      ...['log.showSignature=false', 'log.showRoot=true', 'log.mailmap=false'].flatMap((c) => ['-c', c]),
      ...['log', '-z', '--format=%x01%H%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B', '--encoding=UTF-8'],
      ...['--name-status', '--no-renames', '--diff-merges=first-parent', '--ignore-submodules=none'],
      ...['--ignore-missing', '--stdin', ...options],
    ],
    { input },
    (chunk) => splitter.push(chunk, onToken),
  );
  if (!stopped) {
    const rest = splitter.take();
    if (rest.length > 0 || header.length < HEADER_FIELDS) onToken(rest);
    finish();
  }
  return stopped;
}

/** Paths of one commit, until they are too many to carry. */
class PathLists {
  readonly added: string[] = [];
  readonly modified: string[] = [];
  readonly removed: string[] = [];
  private bytes = 0;

  add(status: string, path: string): void {
    if (this.tooMany) return;
    this.bytes += Buffer.byteLength(JSON.stringify(path)) + 1;
    if (status === 'A') this.added.push(path);
    else if (status === 'D') this.removed.push(path);
    else this.modified.push(path);
  }

  get tooMany(): boolean {
    return this.bytes > MAX_PATHS_BYTES;
  }
}

function toCommit(header: Buffer[], paths: PathLists): EventCommit {
  const [id, author, authorEmail, committer, committerEmail, time, message] = header.map((field) =>
    field.toString('utf8'),
  );
  const timestamp = rfc3339(time ?? '');
  return {
    id: id!,
    message: shorten((message ?? '').replace(/\n+$/, ''), MAX_MESSAGE_CHARS),
    author: person(author, authorEmail),
    committer: person(committer, committerEmail),
    ...(timestamp ? { timestamp } : {}),
    ...(paths.tooMany ? {} : { added: paths.added, modified: paths.modified, removed: paths.removed }),
  };
}

/** A name and an address as git has them, cut to a bearable length. */
export function person(name = '', email = ''): { name: string; email: string } {
  return { name: shorten(name, MAX_NAME_CHARS), email: shorten(email, MAX_NAME_CHARS) };
}

/** A message cut to a bearable length, always well-formed. */
export function shortenMessage(message: string): string {
  return shorten(message, MAX_MESSAGE_CHARS);
}

function shorten(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  // A cut through a surrogate pair would leave a text that UTF-8 can't carry.
  return `${text.slice(0, maxChars - 1).toWellFormed()}…`;
}

/** git can hold times that RFC 3339 can't say (zones of more than 24 hours, years of five digits). */
function rfc3339(time: string): string | undefined {
  const fits = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})$/.test(time);
  return fits && !Number.isNaN(Date.parse(time)) ? time : undefined;
}
