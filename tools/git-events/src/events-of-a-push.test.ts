import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostedRepository, ZEROS } from './hosted-repository.fixture.js';

// Every test starts dozens of git processes.
jest.setTimeout(60_000);

let hosted: HostedRepository;
beforeEach(async () => {
  hosted = await HostedRepository.create();
});
afterEach(() => hosted.remove());

/** The one accepted event of a ref. */
function eventOf(ref: string) {
  const events = hosted.gateway.accepted.filter((event) => event.ref === ref);
  expect(events).toHaveLength(1);
  return events[0] as Record<string, any>;
}

/** Forgets what was accepted so far. */
function forget(): void {
  hosted.gateway.accepted.length = 0;
}

const messages = (event: Record<string, any>) => event.commits.map((commit: any) => commit.message);

describe('one push', () => {
  it('makes one event of every ref, each the right one', async () => {
    const first = await hosted.commit('first');
    await hosted.git('branch', 'rewritten');
    await hosted.git('branch', 'gone');
    await hosted.git('branch', 'forward');
    await hosted.git('tag', 'moved');
    await hosted.git('tag', 'deleted');
    await hosted.git('notes', 'add', '-m', 'a note');
    const notes = await hosted.git('rev-parse', 'refs/notes/commits');
    await hosted.push('--all');
    await hosted.push('--tags', 'refs/notes/commits');
    forget();

    const second = await hosted.commit('second');
    const third = await hosted.commit('third');
    await hosted.git('checkout', '--quiet', '--orphan', 'other-root');
    const otherRoot = await hosted.commit('other root');
    const tagOnly = await hosted.commit('reachable from a tag alone');
    await hosted.git('tag', '-a', '-m', 'Cut 4\n\nFinal.', 'annotated', second);
    await hosted.git('notes', 'add', '-m', 'another note', second);
    const newNotes = await hosted.git('rev-parse', 'refs/notes/commits');

    const push = await hosted.push(
      `${third}:refs/heads/main`,
      `${second}:refs/heads/forward`,
      `+${otherRoot}:refs/heads/rewritten`,
      ':refs/heads/gone',
      `${third}:refs/heads/with-new-commits`,
      `${first}:refs/heads/on-a-known-commit`,
      `${first}:refs/tags/light`,
      'refs/tags/annotated',
      `${tagOnly}:refs/tags/brings-commits`,
      `+${second}:refs/tags/moved`,
      ':refs/tags/deleted',
      'refs/notes/commits',
      `${third}:refs/pull/7/head`,
    );

    expect(push).toMatchObject({ exitCode: 0, stderr: '' });
    expect(hosted.gateway.accepted).toHaveLength(13);
    expect(new Set(hosted.gateway.accepted.map((event) => event.event_id)).size).toBe(13);
    expect(eventOf('refs/heads/main')).toMatchObject({
      event: 'push',
      before: first,
      after: third,
      forced: false,
      total_commits: 2,
      head_commit: { id: third, message: 'third', added: ['third'] },
      repository: { id: 123, name: 'my-project', full_name: 'user/my-project', private: false },
      sender: { id: 456, login: 'octocat', type: 'user' },
    });
    expect(messages(eventOf('refs/heads/main'))).toEqual(['second', 'third']);
    expect(messages(eventOf('refs/heads/forward'))).toEqual(['second']);
    expect(eventOf('refs/heads/rewritten')).toMatchObject({
      event: 'push.force',
      before: first,
      after: otherRoot,
      forced: true,
      total_commits: 1,
    });
    expect(messages(eventOf('refs/heads/rewritten'))).toEqual(['other root']);
    expect(eventOf('refs/heads/gone')).toMatchObject({ event: 'branch.deleted', branch: 'gone', sha: first });
    expect(eventOf('refs/heads/with-new-commits')).toMatchObject({
      event: 'push',
      before: ZEROS,
      after: third,
    });
    expect(messages(eventOf('refs/heads/with-new-commits'))).toEqual(['second', 'third']);
    expect(eventOf('refs/heads/on-a-known-commit')).toMatchObject({
      event: 'branch.created',
      branch: 'on-a-known-commit',
      sha: first,
    });
    expect(eventOf('refs/tags/light')).toMatchObject({ event: 'tag.created', tag: 'light', sha: first });
    expect(eventOf('refs/tags/light')).not.toHaveProperty('message');
    // A branch of the same push brought its commit.
    expect(eventOf('refs/tags/annotated')).toMatchObject({
      event: 'tag.created',
      tag: 'annotated',
      sha: second,
      message: 'Cut 4\n\nFinal.',
      tagger: { name: 'Hubot', email: 'hubot@example.com' },
    });
    expect(eventOf('refs/tags/brings-commits')).toMatchObject({
      event: 'push.tag',
      before: ZEROS,
      after: tagOnly,
    });
    expect(messages(eventOf('refs/tags/brings-commits'))).toEqual(['reachable from a tag alone']);
    expect(eventOf('refs/tags/moved')).toMatchObject({
      event: 'push.tag',
      before: first,
      after: second,
      forced: true,
      head_commit: { id: second },
    });
    expect(eventOf('refs/tags/deleted')).toMatchObject({
      event: 'push.tag',
      before: first,
      after: ZEROS,
      commits: [],
    });
    expect(eventOf('refs/notes/commits')).toMatchObject({ event: 'push', before: notes, after: newNotes });
    expect(eventOf('refs/pull/7/head')).toMatchObject({ event: 'push', before: ZEROS, after: third });
  });

  it('makes push events of every branch when it is the first of an empty repository', async () => {
    const first = await hosted.commit('first');
    await hosted.push('main:main', 'main:dev', 'main:refs/tags/start');
    expect(hosted.gateway.log.sort()).toEqual([
      'push refs/heads/dev',
      'push refs/heads/main',
      'tag.created refs/tags/start',
    ]);
    for (const event of hosted.gateway.accepted.filter(({ event }) => event === 'push')) {
      expect(event).toMatchObject({
        before: ZEROS,
        after: first,
        total_commits: 1,
        commits: [{ id: first }],
      });
    }
  });

  it('tells message and tagger of an annotated tag on a known commit', async () => {
    const first = await hosted.commit('first');
    await hosted.push('main');
    await hosted.git('tag', '-a', '-m', 'Cut 4\n\nFinal.', 'cut-4');
    await hosted.git('tag', '-a', '-m', 'a tag of a tag', 'outer', 'cut-4');
    await hosted.push('cut-4', 'outer');
    expect(eventOf('refs/tags/cut-4')).toMatchObject({
      event: 'tag.created',
      sha: first,
      message: 'Cut 4\n\nFinal.',
      tagger: { name: 'Hubot', email: 'hubot@example.com' },
    });
    expect(eventOf('refs/tags/outer')).toMatchObject({ sha: first, message: 'a tag of a tag' });
  });

  it('makes an event of a tag on a tree or a blob', async () => {
    await hosted.commit('first');
    await hosted.push('main');
    const tree = await hosted.git('rev-parse', 'HEAD^{tree}');
    const blob = await hosted.git('rev-parse', 'HEAD:first');
    await hosted.push(`${tree}:refs/tags/tree`, `${blob}:refs/tags/blob`);
    await hosted.push(`+${tree}:refs/tags/blob`);
    expect(eventOf('refs/tags/tree')).toMatchObject({ event: 'tag.created', sha: tree });
    const moved = hosted.gateway.accepted.at(-1);
    expect(moved).toMatchObject({ event: 'push.tag', ref: 'refs/tags/blob', after: tree, commits: [] });
  });

  it('shows a branch that was set back as forced, without commits', async () => {
    const first = await hosted.commit('first');
    await hosted.commit('second');
    await hosted.push('main');
    forget();
    await hosted.push(`+${first}:main`);
    expect(eventOf('refs/heads/main')).toMatchObject({
      event: 'push.force',
      forced: true,
      commits: [],
      total_commits: 0,
      head_commit: { id: first, message: 'first' },
    });
  });

  it('names the sender that the environment names', async () => {
    const after = await hosted.commit('first');
    await hosted.run('git', ['push', '--quiet', '--no-verify', 'origin', 'main'], { cwd: hosted.clone });
    const line = `${ZEROS} ${after} refs/heads/again\n`;
    const post = (env: string[]) =>
      hosted.run('env', [...env, process.execPath, hookCli(), 'post-receive'], {
        cwd: hosted.bare,
        input: line,
      });
    forget();
    await post(['DITS_SENDER_LOGIN=mona', 'DITS_SENDER_ID=9007199254740991', 'DITS_SENDER_TYPE=bot']);
    await post(['GL_USERNAME=tanuki', 'GL_ID=user-77']);
    await post(['REMOTE_USER=someone']);
    expect(hosted.gateway.accepted.map((event) => event.sender)).toEqual([
      { id: 9007199254740991, login: 'mona', type: 'bot' },
      { id: 77, login: 'tanuki', type: 'user' },
      { id: 0, login: 'someone', type: 'user' },
    ]);
  });
});

describe('commits', () => {
  it('list added, modified and removed paths, whatever bytes are in them', async () => {
    await hosted.commit('first', { 'a b/ü 東.mov': '1', 'quote"\t\n.txt': '1', kept: '1', 'old\\name': '1' });
    await hosted.git('rm', '--quiet', 'old\\name');
    await hosted.commit('second', { kept: '2', '👩‍🎨.png': '1' });
    // A path that is not UTF-8.
    const blob = await hosted.git('rev-parse', 'HEAD:kept');
    const index = Buffer.concat([
      Buffer.from(`100644 ${blob}\tlatin-`),
      Buffer.from([0xe9]),
      Buffer.from('.txt\0'),
    ]);
    await writeFile(join(hosted.dir, 'index-info'), index);
    await hosted.run('sh', ['-c', 'git update-index -z --index-info < ../index-info'], { cwd: hosted.clone });
    await hosted.git('commit', '--quiet', '-m', 'third');
    await hosted.push('main');

    const { commits } = eventOf('refs/heads/main');
    expect(commits[0].added.sort()).toEqual(['a b/ü 東.mov', 'kept', 'old\\name', 'quote"\t\n.txt']);
    expect(commits[1]).toMatchObject({ added: ['👩‍🎨.png'], modified: ['kept'], removed: ['old\\name'] });
    expect(commits[2].added).toEqual(['latin-�.txt']);
  });

  it('carry messages and names of any encoding as valid Unicode', async () => {
    await hosted.commit('first');
    await hosted.git(
      '-c',
      'i18n.commitEncoding=ISO-8859-1',
      'commit',
      '--quiet',
      '--allow-empty',
      '-m',
      'placeholder',
    );
    const raw = (await hosted.run('git', ['cat-file', 'commit', 'HEAD'], { cwd: hosted.clone })).stdout;
    const declared = Buffer.from(raw.replace('placeholder', 'Größe'), 'latin1');
    const undeclared = Buffer.from(
      raw.replace('placeholder', 'Größe').replace(/^encoding .*\n/m, ''),
      'latin1',
    );
    const ids: string[] = [];
    for (const commit of [declared, undeclared]) {
      await writeFile(join(hosted.dir, 'commit'), commit);
      ids.push(
        await hosted.git('hash-object', '-t', 'commit', '-w', '--literally', join(hosted.dir, 'commit')),
      );
    }
    await hosted.push(`${ids[0]}:refs/heads/declared`, `${ids[1]}:refs/heads/undeclared`);
    expect(eventOf('refs/heads/declared').head_commit.message).toBe('Größe');
    expect(eventOf('refs/heads/undeclared').head_commit.message).toBe('Gr��e');
  });

  it('come with branch and tag names of any script', async () => {
    await hosted.commit('first');
    await hosted.push('main:refs/heads/schnitt/größe-東京-👩‍🎨', 'main:refs/tags/v1\u2028x');
    expect(eventOf('refs/heads/schnitt/größe-東京-👩‍🎨')).toMatchObject({ event: 'push' });
    expect(eventOf('refs/tags/v1\u2028x')).toMatchObject({ tag: 'v1\u2028x' });
  });

  it('include roots, empty ones, merges and octopus merges, the tip last', async () => {
    await hosted.commit('base');
    await hosted.push('main');
    forget();
    for (const name of ['a', 'b', 'c']) {
      await hosted.git('checkout', '--quiet', '-b', name, 'main');
      await hosted.commit(`on ${name}`);
    }
    await hosted.git('checkout', '--quiet', 'main');
    await hosted.git('merge', '--quiet', '--no-ff', '-m', 'merge a', 'a');
    await hosted.git('merge', '--quiet', '-m', 'octopus', 'b', 'c');
    await hosted.git('commit', '--quiet', '--allow-empty', '-m', 'empty');
    const last = await hosted.commit('', { last: '1' });
    await hosted.push('main');

    const event = eventOf('refs/heads/main');
    expect(event.total_commits).toBe(7);
    const names = messages(event);
    expect([...names].sort()).toEqual(['', 'empty', 'merge a', 'octopus', 'on a', 'on b', 'on c']);
    expect(names.slice(-3)).toEqual(['octopus', 'empty', '']);
    const of = (message: string) => event.commits[names.indexOf(message)];
    expect(of('merge a')).toMatchObject({ added: ['on a'], modified: [], removed: [] });
    expect(of('octopus').added).toEqual(['on b', 'on c']);
    expect(of('empty')).toMatchObject({ added: [], modified: [], removed: [] });
    expect(event.head_commit).toMatchObject({ id: last, added: ['last'] });
    expect(of('on a')).toMatchObject({
      author: { name: 'Octocat', email: 'octocat@example.com' },
      committer: { name: 'Hubot', email: 'hubot@example.com' },
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/),
    });
  });

  it('have web addresses when the repository has one', async () => {
    await hosted.install('--url', 'https://dits.io/user/my-project/');
    const first = await hosted.commit('first');
    await hosted.push('main');
    const second = await hosted.commit('second');
    forget();
    await hosted.push('main');
    expect(eventOf('refs/heads/main')).toMatchObject({
      compare_url: `https://dits.io/user/my-project/compare/${first}...${second}`,
      commits: [{ url: `https://dits.io/user/my-project/commit/${second}` }],
    });
  });

  it('are what a person configured git to hide or decorate makes no difference to', async () => {
    for (const [key, value] of [
      ['log.showSignature', 'true'],
      ['log.showRoot', 'false'],
      ['diff.renames', 'copies'],
      ['log.diffMerges', 'off'],
      ['core.quotePath', 'true'],
      ['format.pretty', 'oneline'],
    ]) {
      await hosted.run('git', ['config', key!, value!], { cwd: hosted.bare });
    }
    await hosted.commit('first', { name: 'text' });
    await hosted.git('mv', 'name', 'nam€');
    await hosted.commit('second', {});
    await hosted.push('main');
    expect(eventOf('refs/heads/main').commits).toMatchObject([
      { message: 'first', added: ['name'] },
      { message: 'second', added: ['nam€'], removed: ['name'] },
    ]);
  });
});

describe('a large push', () => {
  it('of 10,000 commits keeps the newest within 1 MiB and counts them all', async () => {
    await fastImport(hosted, 10_000);
    const push = await hosted.push('main');
    expect(push.exitCode).toBe(0);
    const event = eventOf('refs/heads/main');
    expect(event).toMatchObject({
      total_commits: 10_000,
      commits_truncated: true,
      head_commit: { message: 'commit 10000\n\n' + 'x'.repeat(200) },
    });
    expect(event.commits.length).toBeGreaterThan(500);
    expect(event.commits.at(-1).message).toMatch(/^commit 10000\n/);
    expect(event.commits.at(-2).message).toMatch(/^commit 9999\n/);
  });

  it('of one commit with more paths than an event can carry has no path lists', async () => {
    await fastImport(hosted, 1, { files: 30_000 });
    await hosted.push('main');
    const { head_commit: head } = eventOf('refs/heads/main');
    expect(head.message).toMatch(/^commit 1\n/);
    expect(head).not.toHaveProperty('added');
  });

  it('of 1,200 refs makes 1,200 events in requests of at most 1,000', async () => {
    const first = await hosted.commit('first');
    await hosted.push('main');
    forget();
    await hosted.commit('second');
    const refs = Array.from({ length: 400 }, (_, i) => String(i).padStart(4, '0'));
    const push = await hosted.push(
      ...refs.map((n) => `${first}:refs/heads/known-${n}`),
      ...refs.map((n) => `main:refs/heads/fresh-${n}`),
      ...refs.map((n) => `${first}:refs/tags/tag-${n}`),
    );
    expect(push.exitCode).toBe(0);
    expect((await hosted.flush()).exitCode).toBe(0);
    const count = (event: string) => hosted.gateway.accepted.filter((e) => e.event === event).length;
    expect([count('branch.created'), count('push'), count('tag.created')]).toEqual([400, 400, 400]);
    expect(new Set(hosted.gateway.accepted.map((e) => e.event_id)).size).toBe(1_200);
    expect(Math.max(...hosted.gateway.requests.map((r) => r.events.length))).toBeLessThanOrEqual(1_000);
  });
});

function hookCli(): string {
  return join(import.meta.dirname, '../dist/cli.js');
}

async function fastImport(into: HostedRepository, commits: number, { files = 1 } = {}): Promise<void> {
  const lines: string[] = [];
  for (let n = 1; n <= commits; n++) {
    const message = `commit ${n}\n\n${'x'.repeat(200)}`;
    lines.push('commit refs/heads/main', `committer Octocat <o@example.com> ${1_700_000_000 + n} +0100`);
    lines.push(`data ${message.length}`, message);
    for (let f = 0; f < files; f++) lines.push(`M 100644 inline file-${f}-${n % 50}`, 'data 2', `${f % 10}`);
    lines.push('');
  }
  const ended = await into.run('git', ['fast-import', '--quiet', '--force'], {
    cwd: into.clone,
    input: lines.join('\n'),
  });
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
}
