// npm run test:containers: builds every image and runs the main path on them, by testcontainers.
import { dockerEngineAnswers } from '@dits/testkit/containers';
import { runJest } from './run-jest.ts';

if (!(await dockerEngineAnswers())) {
  console.error(
    'No Docker engine answers: start one, or set DOCKER_HOST. With podman: infra/docker/podman-service.sh (its head says how).',
  );
  process.exit(1);
}
process.exitCode = runJest('with-containers', process.argv.slice(2));
if (process.connected) process.disconnect();
