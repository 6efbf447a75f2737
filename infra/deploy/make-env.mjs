#!/usr/bin/env node
// Makes infra/.env, which docker compose reads: every secret that compose.yaml asks for, at random. Plain JavaScript
// without dependencies for Node 20 and later: who has Docker needs nothing else of this repository.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = process.argv[2] ?? fileURLToPath(new URL('../.env', import.meta.url));
const key = () => randomBytes(32).toString('base64');
const password = () => randomBytes(24).toString('base64url');

const lines = [
  '# Secrets of the platform that compose.yaml runs. Lost keys make stored webhooks and tokens unusable: keep a copy.',
  `DITS_DATABASE_PASSWORD=${password()}`,
  `DITS_SECRET_KEYS=k1:${key()}`,
  `DITS_TOKEN_KEY=${key()}`,
  `DITS_BOOTSTRAP_TOKEN=${password()}`,
  `DITS_GRAFANA_PASSWORD=${password()}`,
  `DITS_GRAFANA_DATABASE_PASSWORD=${password()}`,
  '',
];
try {
  writeFileSync(path, lines.join('\n'), { mode: 0o600, flag: 'wx' });
  console.log(`wrote ${path}, readable by you alone`);
} catch (error) {
  if (error.code !== 'EEXIST') throw error;
  console.error(`${path} is there already and is left as it is: its keys open what is stored. To begin anew, remove it and the
volumes: docker compose -f infra/compose.yaml down -v`);
  process.exitCode = 1;
}
