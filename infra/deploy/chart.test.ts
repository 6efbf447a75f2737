import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from '@jest/globals';
import { appNames, repositoryRoot } from '@dits/local';
import { chartApps, read, readYaml } from './read-files.ts';

type Tree = { [name: string]: unknown };

const chart = 'infra/helm';
const values = readYaml<Tree>(`${chart}/values.yaml`);
const schema = JSON.parse(read(`${chart}/values.schema.json`)) as object;
const templates = globSync(`${chart}/templates/*`, { cwd: repositoryRoot }).map(read).join('\n');
const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

function at(tree: unknown, path: string): unknown {
  return path.split('.').reduce((value, name) => (isTree(value) ? value[name] : undefined), tree);
}

describe('infra/helm/values.yaml', () => {
  const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);

  it.each(['values.yaml', ...globSync('ci/*', { cwd: join(repositoryRoot, chart) })])(
    '%s fits the schema',
    (path) => {
      validate(readYaml(`${chart}/${path}`));
      expect(validate.errors ?? []).toEqual([]);
    },
  );

  it('does not fit with a value that there is not', () => {
    expect(validate({ ...values, replicas: 3 })).toBe(false);
    expect(validate({ ...values, image: { ...(values['image'] as Tree), tags: 'x' } })).toBe(false);
  });

  it('has every value that a template reads', () => {
    const paths = [...templates.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path!);
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.filter((path) => at(values, path) === undefined)).toEqual([]);
  });

  it('sets replicas, memory and CPU for every app', () => {
    const apps = values['apps'] as Record<string, unknown>;
    expect(Object.keys(apps)).toEqual([...appNames]);
    for (const app of Object.values(apps))
      expect(app).toMatchObject({
        replicas: 2,
        resources: {
          requests: { cpu: expect.any(String), memory: expect.any(String) },
          limits: { memory: expect.any(String) },
        },
      });
  });
});

describe('infra/helm', () => {
  it('knows every app', () => {
    expect(Object.keys(chartApps()).toSorted()).toEqual([...appNames].toSorted());
  });

  it('has the version of what it installs', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(readYaml(`${chart}/Chart.yaml`)).toMatchObject({ version, appVersion: version });
  });

  it('lets at most as many dispatchers run as there are partitions, and names their group and topic', () => {
    const { topics } = readYaml<{ topics: { name: string; partitions: number }[] }>(
      'infra/kafka/topics.yaml',
    );
    const { partitions } = topics.find(({ name }) => name === 'dits.deliveries')!;
    expect(at(values, 'autoscaling.maxReplicas')).toBe(partitions);
    const group = /GROUP_ID = '([\w-]+)'/.exec(read('apps/dispatcher/src/stages.ts'))![1];
    expect(templates).toContain(`consumerGroup: {{ .Values.kafka.topicPrefix }}${group}\n`);
    expect(templates).toContain('topic: {{ .Values.kafka.topicPrefix }}dits.deliveries\n');
  });

  it('has an example of values for each way of scaling', () => {
    const ways = globSync(`${chart}/ci/*`, { cwd: repositoryRoot }).map((path) => [
      basename(path),
      at(readYaml(path), 'autoscaling.by'),
    ]);
    expect(Object.fromEntries(ways)).toEqual({
      'required-values.yaml': undefined,
      'everything-values.yaml': 'keda',
      'hpa-values.yaml': 'hpa',
    });
  });
});
