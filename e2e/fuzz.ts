import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { dirname, join } from 'node:path';
import { pythonPath } from '@dits/local';
import { until, type Platform } from './platform.ts';

/** What a run of schemathesis against one app has come to. */
export interface FuzzResult {
  app: 'gateway' | 'api';
  ok: boolean;
  /** Requests that were sent. */
  cases: number;
  /** What schemathesis printed: each failure with a command that repeats it. */
  report: string;
}

export interface FuzzOptions {
  /** Made-up requests for each operation, beside those that go along the edges of its schema. */
  examples: number;
  seed: number;
  /** Also along the edges of every schema: some thousand requests more, whatever the seed. */
  hasEdges: boolean;
  /** Values of path parameters, to reach what exists; nothing is deleted then. Default: made up, like all else. */
  known?: Record<string, string | number>;
  /** Called with each line that schemathesis prints. */
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

/** For the apps that are fuzzed: made-up tokens come fast, and a 429 says nothing about what lies behind it. */
export const fuzzEnvironment = {
  all: { DITS_AUTH_FAILURES_PER_MINUTE: '0' },
  api: { DITS_API_REQUESTS_PER_SECOND: '0' },
};

// What an answer may not do: be a 500, or be other than the document says.
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'ignored_auth',
];
// A request takes milliseconds; one that takes longer hangs.
const REQUEST_TIMEOUT_S = 20;

/** Sends to an app what its `/openapi.json` makes schemathesis think of. */
export async function fuzz(platform: Platform, app: FuzzResult['app'], o: FuzzOptions): Promise<FuzzResult> {
  const lines: string[] = [];
  const settings = join(platform.folder, 'schemathesis.toml');
  const known = Object.entries(o.known ?? {}).map(
    ([name, value]) => `"path.${name}" = ${JSON.stringify(value)}`,
  );
  writeFileSync(settings, ['[parameters]', ...known].join('\n'));
  const child = spawn(
    join(dirname(pythonPath()), 'schemathesis'),
    [
      ...['--no-color', '--config-file', settings],
      'run',
      `${platform[app]}/openapi.json`,
      ...['--header', `Authorization: Bearer ${platform.token}`],
      ...['--checks', CHECKS.join(',')],
      ...['--phases', o.hasEdges ? 'examples,coverage,fuzzing' : 'examples,fuzzing'],
      ...['--max-examples', String(o.examples)],
      ...['--seed', String(o.seed)],
      ...['--request-timeout', String(REQUEST_TIMEOUT_S)],
      // It finds the id of its own token in the list, and all that follows would be 401.
      ...(app === 'api' ? ['--exclude-operation-id', 'revokeToken'] : []),
      ...(o.known ? ['--exclude-method', 'DELETE'] : []),
      '--continue-on-failure',
    ],
    // It leaves a folder with what it has learnt.
    { cwd: platform.folder, stdio: ['ignore', 'pipe', 'pipe'], ...(o.signal && { signal: o.signal }) },
  );
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      o.onLine?.(line);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const report = lines.join('\n').replaceAll(platform.token, '<token>');
  const cases = Number(/(\d[\d,]*) (?:test cases|generated)/i.exec(report)?.[1]?.replaceAll(',', '') ?? 0);
  return { app, ok: code === 0, cases, report };
}

/** A webhook of a repository that has had a delivery: values for `known`. */
export async function somethingKnown(platform: Platform): Promise<Record<string, string | number>> {
  const repo = 123;
  // Any server will do: what the delivery comes to is of no matter.
  const webhook = await platform.createWebhook(repo, { url: `${platform.gateway}/`, events: ['*'] });
  const url = `${platform.api}/v1/repos/${repo}/webhooks/${webhook}`;
  await platform.call('POST', `${url}/ping`);
  const { json } = await until(
    () => platform.call<{ data: { id: string }[] }>('GET', `${url}/deliveries`),
    ({ json: { data } }) => data.length > 0,
  );
  return { repo, webhook, delivery: json.data[0]!.id };
}
