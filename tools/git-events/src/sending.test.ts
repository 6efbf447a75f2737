import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, HostedRepository } from './hosted-repository.fixture.js';

// Every test starts dozens of git processes.
jest.setTimeout(60_000);

let hosted: HostedRepository;
beforeEach(async () => {
  hosted = await HostedRepository.create();
});
afterEach(() => hosted.remove());

/** Keeps background flushes out of a test: as if one were running. */
async function withoutBackground(): Promise<void> {
  const lock = join(hosted.bare, 'dits-spool', 'background.lock');
  await writeFile(lock, `${process.pid} test`);
}

describe('a push while the gateway is down', () => {
  it('succeeds, says so, and its events come before those of the next push', async () => {
    await withoutBackground();
    await hosted.commit('first');
    await hosted.gateway.stop();
    const push = await hosted.push('main', 'main:dev');
    expect(push.exitCode).toBe(0);
    expect(push.stderr).toMatch(
      /^remote: dits: events are kept and will be sent later: .*ECONNREFUSED.*\s*$/,
    );
    expect(await hosted.kept()).toHaveLength(1);

    await hosted.gateway.start();
    await hosted.commit('second');
    expect(await hosted.push('main')).toMatchObject({ exitCode: 0, stderr: '' });
    const heads = hosted.gateway.accepted.map((event: any) => event.head_commit.message);
    expect(heads).toEqual(['first', 'first', 'second']);
    expect(await hosted.kept()).toEqual([]);
  });

  it('is sent by itself once the gateway is back', async () => {
    await hosted.commit('first');
    await hosted.gateway.stop();
    await hosted.push('main');
    await hosted.gateway.start();
    await eventually(() => hosted.gateway.log.length === 1);
    await eventually(async () => (await hosted.kept()).length === 0);
  });

  it('judges each kept push by the refs as they were then', async () => {
    await withoutBackground();
    const first = await hosted.commit('first');
    // Without settings the pushes are kept as they are, and their events are made later.
    await hosted.run('git', ['config', '--remove-section', 'dits'], { cwd: hosted.bare });
    await hosted.push('main');
    await hosted.commit('second');
    await hosted.push('main', `${first}:refs/heads/old`, 'main:refs/heads/new');
    await hosted.install();
    expect((await hosted.flush()).exitCode).toBe(0);
    expect(hosted.gateway.log.sort()).toEqual([
      'branch.created refs/heads/old',
      'push refs/heads/main',
      'push refs/heads/main',
      'push refs/heads/new',
    ]);
  });
});

describe('a gateway that', () => {
  it('never answers holds a push up for about three seconds', async () => {
    await withoutBackground();
    hosted.gateway.answer = () => 'say nothing';
    await hosted.commit('first');
    const push = await hosted.push('main');
    expect(push.exitCode).toBe(0);
    expect(push.ms).toBeLessThan(6_000);
    expect(push.stderr).toMatch(/did not answer in time|no time/);
    expect(await hosted.kept()).toHaveLength(1);
  });

  it('takes events but loses the answer gets them again under the same ids', async () => {
    await withoutBackground();
    hosted.gateway.answer = () => 'hang up';
    await hosted.commit('first');
    await hosted.push('main', 'main:dev');
    hosted.gateway.answer = () => undefined;
    expect((await hosted.flush()).exitCode).toBe(0);
    const [lost, sent] = hosted.gateway.requests;
    expect(lost!.events).toHaveLength(2);
    expect(sent!.events).toEqual(lost!.events);
  });

  it.each([500, 503, 429, 401, 403, 404])('answers %i is tried again later', async (status) => {
    await withoutBackground();
    hosted.gateway.answer = () => ({ status });
    await hosted.commit('first');
    const push = await hosted.push('main');
    expect(push.stderr).toContain(`the gateway answered ${status}`);
    expect((await hosted.flush()).exitCode).toBe(1);
    hosted.gateway.answer = () => undefined;
    expect((await hosted.flush()).exitCode).toBe(0);
    expect(hosted.gateway.log).toEqual(['push refs/heads/main']);
  });

  it('refuses one event of a batch gets the others, and the one is put aside with the answer', async () => {
    const bad = 'refs/heads/b';
    hosted.gateway.answer = (events) =>
      events.some((event) => event.ref === bad)
        ? { status: 422, body: { errors: [{ path: 'events[0].ref', message: 'is not liked' }] } }
        : undefined;
    await hosted.commit('first');
    const push = await hosted.push(...['a', 'b', 'c', 'd', 'e'].map((name) => `main:refs/heads/${name}`));
    expect(push.exitCode).toBe(0);
    expect(push.stderr).toContain('refused the push of refs/heads/b (422 events[0].ref: is not liked)');
    expect(hosted.gateway.log).toEqual(['a', 'c', 'd', 'e'].map((name) => `push refs/heads/${name}`));
    const [aside, ...others] = await hosted.kept();
    expect(others).toEqual([]);
    const refusal = JSON.parse(await readFile(join(hosted.bare, 'dits-spool', aside!), 'utf8'));
    expect(refusal).toMatchObject({
      status: 422,
      event: { ref: bad },
      answer: expect.stringContaining('liked'),
    });

    hosted.gateway.answer = () => undefined;
    expect((await hosted.flush()).exitCode).toBe(0);
    expect(hosted.gateway.log).toHaveLength(4);
    expect((await hosted.flush('--refused')).exitCode).toBe(0);
    expect(hosted.gateway.log.at(-1)).toBe(`push ${bad}`);
    expect(await hosted.kept()).toEqual([]);
  });

  it('gets the token of the file, as it is at that moment', async () => {
    await hosted.commit('first');
    await hosted.push('main');
    await writeFile(hosted.tokenFile, 'dits_new\n');
    await hosted.push('main:dev');
    expect(hosted.gateway.requests.map((request) => request.authorization)).toEqual([
      'Bearer dits_token',
      'Bearer dits_new',
    ]);
  });
});

describe('pushes', () => {
  it('at the same time each make their events once', async () => {
    await hosted.commit('first');
    await hosted.push('main');
    const names = Array.from({ length: 8 }, (_, i) => `branch-${i}`);
    for (const name of names) {
      await hosted.git('checkout', '--quiet', '-b', name, 'main');
      await hosted.commit(name);
    }
    const pushes = await Promise.all(names.map((name) => hosted.push(name)));
    expect(pushes.map((push) => push.exitCode)).toEqual(names.map(() => 0));
    await hosted.flush();
    const events = hosted.gateway.accepted.slice(1);
    expect(new Set(events.map((event) => event.ref))).toEqual(new Set(names.map((n) => `refs/heads/${n}`)));
    expect(new Set(events.map((event) => event.event_id)).size).toBe(8);
    for (const event of events) expect(event).toMatchObject({ event: 'push', total_commits: 1 });
  });

  it('whose hook is killed while it sends lose nothing', async () => {
    await withoutBackground();
    hosted.gateway.answer = () => 'say nothing';
    await hosted.commit('first');
    const pushing = hosted.push('main');
    await eventually(() => hosted.gateway.requests.length === 1);
    const hookPid = (await readFile(join(hosted.bare, 'dits-spool/flush.lock'), 'utf8')).split(' ')[0]!;
    process.kill(Number(hookPid), 'SIGKILL');
    expect((await pushing).exitCode).toBe(0);
    hosted.gateway.answer = () => undefined;
    // The dead hook's lock is taken over.
    expect((await hosted.flush()).exitCode).toBe(0);
    expect(hosted.gateway.accepted).toEqual(hosted.gateway.requests[0]!.events);
  });

  it('whose hook could not start node lose nothing', async () => {
    const hook = join(hosted.bare, 'hooks/post-receive');
    const script = await readFile(hook, 'utf8');
    await writeFile(hook, script.replace(process.execPath, '/no/such/node'));
    await hosted.commit('first');
    const push = await hosted.run(
      'env',
      ['GL_USERNAME=tanuki', 'GL_ID=user-77', 'git', 'push', '-q', 'origin', 'main'],
      {
        cwd: hosted.clone,
      },
    );
    expect(push).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('the hook could not run') });
    expect(hosted.gateway.log).toEqual([]);
    await writeFile(hook, script);
    await hosted.commit('second');
    await hosted.push('main');
    expect(hosted.gateway.accepted).toMatchObject([
      { head_commit: { message: 'first' }, sender: { id: 77, login: 'tanuki' } },
      { head_commit: { message: 'second' }, sender: { id: 456, login: 'octocat' } },
    ]);
    expect(await hosted.kept()).toEqual([]);
  });

  it('are sent by a watcher, until it is stopped', async () => {
    await withoutBackground();
    await hosted.gateway.stop();
    await hosted.commit('first');
    await hosted.push('main');
    const cli = join(import.meta.dirname, '../dist/cli.js');
    const watcher = execFile(process.execPath, [cli, 'flush', '--watch', '--repo', hosted.bare]);
    const ended = new Promise((resolve) => watcher.on('exit', resolve));
    await hosted.gateway.start();
    await eventually(() => hosted.gateway.log.length === 1);
    watcher.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('install', () => {
  it('can be run again to change the settings', async () => {
    await hosted.install('--private', '--owner', 'user', '--owner-id', '7', '--owner-type', 'organization');
    await hosted.commit('first');
    await hosted.push('main');
    expect(hosted.gateway.accepted[0]!.repository).toEqual({
      id: 123,
      name: 'my-project',
      full_name: 'user/my-project',
      private: true,
      owner: { id: 7, login: 'user', type: 'organization' },
      default_branch: 'main',
    });
  });

  it("leaves somebody else's hook alone", async () => {
    const hook = join(hosted.bare, 'hooks/post-receive');
    await writeFile(hook, '#!/bin/sh\necho theirs\n');
    const refused = await hosted.install();
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('--force');
    expect(await readFile(hook, 'utf8')).toContain('theirs');
    expect((await hosted.install('--force')).exitCode).toBe(0);
    expect((await stat(hook)).mode & 0o111).toBe(0o111);
  });

  it.each([
    [['--repository-id', '9007199254740992'], /repository-id must be a number from 0 to 2\^53-1/],
    [['--full-name', 'noslash'], /full-name must be owner\/name/],
    [['--gateway', 'ftp://x'], /must be an http or https address/],
    [['--token-file', '/nowhere'], /token-file \/nowhere can't be read/],
    [['--repo', '/tmp'], /is not a git repository/],
  ])('refuses %j', async (args, message) => {
    const ended = await hosted.install(...args);
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) });
  });

  it('warns of a token that others can read', async () => {
    await chmod(hosted.tokenFile, 0o644);
    expect((await hosted.install()).stderr).toContain('chmod 600');
  });
});

it('a push of a repository without settings keeps its events', async () => {
  await withoutBackground();
  await hosted.run('git', ['config', '--remove-section', 'dits'], { cwd: hosted.bare });
  await hosted.commit('first');
  expect((await hosted.push('main')).stderr).toContain('dits.fullName is not set');
  await hosted.install();
  await hosted.flush();
  expect(hosted.gateway.log).toEqual(['push refs/heads/main']);
  await rm(join(hosted.bare, 'dits-spool', 'background.lock'));
  expect(await readdir(join(hosted.bare, 'dits-spool'))).toEqual(['refused']);
});
