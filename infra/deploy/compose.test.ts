import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { appNames, repositoryRoot } from '@dits/local';
import { composeFile, read, readYaml } from './read-files.ts';

const { services, volumes } = composeFile();
const own = [...appNames, 'topics', 'migrations'];

describe('infra/compose.yaml', () => {
  it('runs every app of its own target, after topics and migrations', () => {
    for (const app of appNames) {
      const { image, build, depends_on } = services[app]!;
      expect([image, build!.target]).toEqual([`dits-webhooks/${app}:\${DITS_VERSION:-local}`, app]);
      expect(depends_on).toMatchObject({
        topics: { condition: 'service_completed_successfully' },
        migrations: { condition: 'service_completed_successfully' },
      });
    }
    expect([services['topics']!.command, services['migrations']!.command]).toEqual([
      ['dits-topics', 'apply'],
      ['dits-migrate', 'up'],
    ]);
  });

  it.each(own)('gives %s no writable file system and no capabilities', (name) => {
    expect(services[name]).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });

  it('has no secret, and no default for one', () => {
    const text = read('infra/compose.yaml');
    const variables = [...text.matchAll(/\$\{(\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*)([^}]*)\}/g)];
    expect(variables.length).toBeGreaterThan(5);
    for (const [, name, rest] of variables)
      expect([name, rest]).toEqual([name, ':?is not set. Make infra/.env with "npm run compose:env"']);
  });

  it('opens ports on this machine alone', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(5);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
  });

  it('mounts only what is there, and declares its volumes', () => {
    for (const mount of Object.values(services).flatMap((service) => service.volumes ?? [])) {
      const [source] = mount.split(':');
      const isThere = source!.startsWith('.')
        ? existsSync(join(repositoryRoot, 'infra', source!))
        : Object.hasOwn(volumes, source!);
      expect([source, isThere]).toEqual([source, true]);
    }
  });
});

describe('infra/grafana', () => {
  it('finds Prometheus and Postgres where compose.yaml runs them, with no secret in the file', () => {
    const { datasources } = readYaml<{
      datasources: { uid: string; url: string; secureJsonData?: { password: string } }[];
    }>('infra/grafana/provisioning/datasources/datasources.yaml');
    for (const { url } of datasources)
      expect(Object.keys(services)).toContain(/^(?:http:\/\/)?(\w+):\d+$/.exec(url)![1]);
    expect(datasources.flatMap(({ secureJsonData }) => secureJsonData?.password ?? [])).toEqual([
      '$DITS_GRAFANA_DATABASE_PASSWORD',
    ]);
    expect(services['grafana']!.environment).toHaveProperty('DITS_GRAFANA_DATABASE_PASSWORD');
  });

  it('reads dashboards from where compose.yaml mounts them', () => {
    const { providers } = readYaml<{ providers: { options: { path: string } }[] }>(
      'infra/grafana/provisioning/dashboards/dashboards.yaml',
    );
    const targets = services['grafana']!.volumes!.map((mount) => mount.split(':')[1]);
    for (const { options } of providers) expect(targets).toContain(options.path);
  });
});
