import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { holdTestServices, missingOfPrometheus, repositoryRoot, startPrometheus } from '@dits/local';
import { startReceiver } from '@dits/testkit';
import pg from 'pg';
import { panelChecks, ruleChecks, untilGood } from './check-monitoring.ts';
import { RULE_TESTS } from './monitoring-files.ts';
import { startPlatform, type Platform } from './platform.ts';
import { runCommand } from './run-command.ts';

const help = `npm run test:prometheus [-- --where-found]

Checks infra/prometheus and infra/grafana with the real tools: promtool checks the files and runs the tests of the
alerts; a Prometheus scrapes all apps under some traffic, evaluates every rule, and answers the query of every panel;
Postgres answers those of the webhook dashboard. An error or an empty answer fails.

It needs prometheus and promtool on the PATH (Debian, Ubuntu: apt install prometheus; macOS: brew install prometheus)
and fails without them; with --where-found it then says so and ends well.`;

const TIER = '1s';
const REPOSITORY_ID = 7301;
// From the first scrape to the second evaluation it takes some 5 s; six apps and two services may keep two cores busy.
const PATIENCE_MS = 90_000;

const { values } = parseArgs({
  options: { help: { type: 'boolean', short: 'h' }, 'where-found': { type: 'boolean' } },
});
await runCommand({ help, isHelpWanted: values.help ?? false }, checkAll);

async function checkAll(signal: AbortSignal): Promise<number> {
  const missing = missingOfPrometheus();
  if (missing.length > 0) {
    const line = `${missing.join(' and ')} not found on the PATH. Debian, Ubuntu: apt install prometheus; macOS: brew install prometheus`;
    if (!values['where-found']) throw new Error(line);
    console.log(`Rules and dashboards were not tried with the real tools: ${line}`);
    return 0;
  }
  const files = globSync('infra/prometheus/rules/*.yml', { cwd: repositoryRoot });
  promtool('check', 'config', 'infra/prometheus/prometheus.yml');
  promtool('check', 'rules', ...files);
  promtool('test', 'rules', RULE_TESTS);

  const onProgress = (line: string) => console.log(`  ${line}`);
  const releaseServices = await holdTestServices({ onProgress, signal });
  try {
    onProgress('starting the apps');
    const env = { recorder: { DITS_AUDIT_INTERVAL_MS: '1000' } };
    const platform = await startPlatform({ retryTiers: TIER, env, signal });
    try {
      return report(await checkLive(platform, onProgress, signal));
    } finally {
      await platform.stop();
    }
  } finally {
    await releaseServices();
  }
}

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: repositoryRoot, encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool ${args.join(' ')} failed:\n${stdout}${stderr}`);
  console.log(`  promtool ${args.slice(0, 2).join(' ')}: good`);
}

/** With some traffic, and Prometheus: the answer is what is wrong. */
async function checkLive(
  platform: Platform,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<{ checks: number; problems: string[] }> {
  const receiver = await startReceiver({
    respond: ({ rawBody }) => ({ status: rawBody.includes('to fail') ? 500 : 200 }),
  });
  const database = new pg.Pool({ connectionString: platform.databaseUrl, max: 2 });
  // The database is dropped while it may still have idle connections.
  database.on('error', () => {});
  try {
    const prometheus = await startPrometheus({
      apps: Object.values(platform.apps),
      folder: platform.folder,
      intervalSeconds: 1,
      signal,
    });
    try {
      onProgress('events, of which some fail');
      const webhook = await platform.createWebhook(REPOSITORY_ID, { url: receiver.url, events: ['push'] });
      await platform.postEvents(['to arrive', 'to fail'].map(aPush));
      await receiver.waitFor(3);
      onProgress(`every rule and every panel, by Prometheus at ${prometheus.url}`);
      const variables = { tier: TIER, webhook, scope: `repository ${REPOSITORY_ID}` };
      const checks = [
        ...ruleChecks(prometheus.url),
        ...panelChecks({ url: prometheus.url, database, variables }),
      ];
      return { checks: checks.length, problems: await untilGood(checks, PATIENCE_MS, signal) };
    } finally {
      await prometheus.stop();
    }
  } finally {
    await database.end();
    await receiver.close();
  }
}

function report({ checks, problems }: { checks: number; problems: string[] }): number {
  for (const problem of problems) console.error(`FAILED ${problem}`);
  console.log(`${checks - problems.length} of ${checks} rules, metrics and queries are good`);
  return problems.length === 0 ? 0 : 1;
}

function aPush(message: string): object {
  return {
    event: 'push',
    repository: { id: REPOSITORY_ID, name: 'project', full_name: 'studio/project', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [{ id: 'abc123', message, author: { name: 'Octocat', email: 'octocat@example.com' } }],
    head_commit: { id: 'abc123', message },
  };
}
