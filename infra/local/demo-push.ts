import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { verifyHubSignature } from '@dits/signing';
import { apiClient, type ApiClient } from './api-client.ts';
import type { Progress } from './downloads.ts';
import { repositoryRoot } from './paths.ts';
import { writePrivateJson } from './private-file.ts';

const run = promisify(execFile);

const repositoryId = 123;
const webhooksPath = `/v1/repos/${repositoryId}/webhooks`;

// 30 s: a delivery takes milliseconds; beyond this something is broken and waiting will not mend it.
const deliveryTimeoutMs = 30_000;

export interface DemoOptions {
  /** The instance's folder. */
  folder: string;
  gateway: string;
  api: string;
  token: string;
  receiverUrl: string;
  webhookSecret: string;
  onProgress: Progress;
  signal: AbortSignal;
}

/** A delivery that arrived and whose signature is right. */
export interface ShownDelivery {
  deliveryId: string;
  requestHeaders: Record<string, string>;
  body: string;
  statusCode: number;
  responseBody: string;
  /** From the end of the push to the history showing it delivered. */
  tookMs: number;
}

/**
 * Pushes a commit to a real repository with the hook of tools/git-events and waits until the sample receiver has
 * accepted the signed delivery. Throws with the reason when it does not, or when the signature is wrong.
 */
export async function pushAndVerify(options: DemoOptions): Promise<ShownDelivery> {
  const { folder, receiverUrl, webhookSecret, onProgress } = options;
  const client = apiClient(options);
  onProgress('making a git repository with the post-receive hook');
  const { bare, work } = await makeRepository(options);

  onProgress(`registering a webhook on it: POST ${webhooksPath}`);
  const webhookId = await registerWebhook(client, folder, {
    url: receiverUrl,
    events: ['push'],
    secret: webhookSecret,
    active: true,
  });

  onProgress('git commit, git push');
  const { stderr } = await git(work, 'push', 'origin', 'main');
  const pushedAtMs = Date.now();
  for (const line of stderr.split('\n').filter((line) => line.includes('dits:'))) onProgress(line.trim());

  const detail = await waitForDelivery(client, webhookId, options.signal, bare);
  const tookMs = Date.now() - pushedAtMs;
  return { ...checkDelivery(detail, webhookSecret), tookMs };
}

async function makeRepository({ folder, gateway, token }: DemoOptions) {
  const demo = join(folder, 'demo');
  const bare = join(demo, 'my-project.git');
  const work = join(demo, 'my-project');
  const tokenFile = join(demo, 'token');
  rmSync(demo, { recursive: true, force: true });
  mkdirSync(demo, { recursive: true });
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  await git(demo, 'init', '--quiet', '--bare', '--initial-branch=main', bare);
  const hook = join(repositoryRoot, 'tools/git-events/dist/cli.js');
  const settings = {
    repo: bare,
    'repository-id': String(repositoryId),
    'full-name': 'user/my-project',
    gateway,
    'token-file': tokenFile,
    'sender-login': 'octocat',
    'sender-id': '456',
  };
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  await run(process.execPath, [hook, 'install', ...args], { env: gitEnvironment() });

  await git(demo, 'clone', '--quiet', bare, work);
  await git(work, 'checkout', '--quiet', '-B', 'main');
  writeFileSync(join(work, 'footage.txt'), `take ${new Date().toISOString()}\n`);
  await git(work, 'add', '.');
  await git(work, 'commit', '--quiet', '-m', 'Add new footage');
  return { bare, work };
}

async function git(folder: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run('git', args, { cwd: folder, env: gitEnvironment() });
}

// Nobody's own git settings: a global hooks path, commit signing or a template would make it another demo.
function gitEnvironment(): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  const name = 'Octocat';
  const email = 'octocat@example.com';
  return {
    ...env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
}

// The receiver's port may be another than last time, so last time's webhook goes.
async function registerWebhook(client: ApiClient, folder: string, webhook: object): Promise<string> {
  const noted = join(folder, 'demo-webhook.json');
  let former: { id: string } | null = null;
  try {
    former = JSON.parse(readFileSync(noted, 'utf8')) as { id: string };
  } catch {
    // the first run
  }
  if (former) {
    await client.call('DELETE', `${webhooksPath}/${former.id}`).catch((error: Error) => {
      if (!error.message.includes(' answered 404')) throw error;
    });
  }
  const { id } = (await client.call('POST', webhooksPath, webhook)) as { id: string };
  writePrivateJson(noted, { id });
  return id;
}

// Only what is used here of the api's answers.
interface DeliveryInList {
  id: string;
  status: string;
  response_status: number | null;
  error_class: string | null;
}

interface DeliveryDetail {
  id: string;
  status: string;
  failure_reason: string | null;
  request: { headers: Record<string, string>; body: string | null };
  attempts: { response: { status: number; body: string } | null }[];
}

async function waitForDelivery(
  client: ApiClient,
  webhookId: string,
  signal: AbortSignal,
  bare: string,
): Promise<DeliveryDetail> {
  const path = `${webhooksPath}/${webhookId}/deliveries`;
  let last = 'none was made';
  for (
    const until = Date.now() + deliveryTimeoutMs;
    Date.now() < until;
    await delay(50, undefined, { signal })
  ) {
    const page = (await client.call('GET', path)) as { data: DeliveryInList[] };
    const [first] = page.data;
    if (!first) continue;
    last = `it is ${first.status}, with the answer ${first.response_status ?? first.error_class ?? 'none yet'}`;
    if (first.status === 'Delivered' || first.status === 'Failed') {
      return (await client.call('GET', `${path}/${first.id}`)) as DeliveryDetail;
    }
  }
  throw new Error(
    `No delivery arrived within ${deliveryTimeoutMs / 1000} s of the push: ${last}. ` +
      `Events that did not reach the gateway are kept in ${bare}/dits-spool.`,
  );
}

function checkDelivery(detail: DeliveryDetail, secret: string): Omit<ShownDelivery, 'tookMs'> {
  const response = detail.attempts.at(-1)?.response;
  if (detail.status !== 'Delivered' || !response) {
    throw new Error(`The delivery ended as ${detail.status}: ${detail.failure_reason ?? 'no reason given'}.`);
  }
  const { headers } = detail.request;
  const body = detail.request.body ?? '';
  const [, signature] = Object.entries(headers).find(([name]) => /^x-hub-signature-256$/i.test(name)) ?? [];
  const verification = verifyHubSignature({ secret, body: Buffer.from(body), signature });
  if (!verification.ok) throw new Error(`The delivery's signature does not verify: ${verification.reason}.`);
  return {
    deliveryId: detail.id,
    requestHeaders: headers,
    body,
    statusCode: response.status,
    responseBody: response.body,
  };
}
