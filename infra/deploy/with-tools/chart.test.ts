import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { appNames } from '@dits/local';
import { readYaml } from '../read-files.ts';
import { chart, kubernetes, render, run, runToFail, templateArgs, type Resource } from './run-tool.ts';

const files = globSync('*-values.yaml', { cwd: join(chart, 'ci') });
const folder = mkdtempSync(join(tmpdir(), 'chart-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Kinds that an operator brings: Kubernetes has no schema of them.
const isOfOperator = ({ apiVersion }: Resource) => /^(keda\.sh|monitoring\.coreos\.com)\//.test(apiVersion);
const of = (resources: Resource[], kind: string) => resources.filter((resource) => resource.kind === kind);
const named = (resources: Resource[], name: string) =>
  Object.fromEntries(resources.map((resource) => [resource.metadata.name, resource.spec]))[name];

describe.each(files)('the chart with %s', (values) => {
  const resources = render(values);

  it('passes helm lint', () => {
    run('helm', [
      'lint',
      '--strict',
      '--kube-version',
      `${kubernetes}.0`,
      '--values',
      join(chart, 'ci', values),
      chart,
    ]);
  });

  it('is what Kubernetes takes', () => {
    const path = join(folder, values);
    const own = resources.filter((resource) => !isOfOperator(resource));
    writeFileSync(path, own.map((resource) => JSON.stringify(resource)).join('\n---\n'));
    const said = run('kubernetes-validate', ['--strict', '-k', kubernetes, path]);
    expect(said.match(/ passed for resource /g)).toHaveLength(own.length);
  });

  it('runs every container without rights', () => {
    const pods = resources.flatMap(({ spec }) => spec.template?.spec ?? []);
    expect(pods.length).toBeGreaterThanOrEqual(appNames.length);
    for (const pod of pods) {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of pod.containers)
        expect(container).toMatchObject({
          securityContext: {
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { cpu: expect.anything() }, limits: { memory: expect.anything() } },
        });
    }
  });

  it('probes every app at its admin port', () => {
    const deployments = of(resources, 'Deployment');
    expect(deployments.map(({ metadata }) => metadata.name)).toEqual(
      appNames.toSorted().map((app) => `hooks-dits-webhooks-${app}`),
    );
    for (const { spec } of deployments) {
      const [container] = spec.template.spec.containers;
      expect(container).toMatchObject({
        startupProbe: { httpGet: { path: '/livez', port: 'admin' } },
        livenessProbe: { httpGet: { path: '/livez', port: 'admin' } },
        readinessProbe: { httpGet: { path: '/readyz', port: 'admin' } },
      });
      expect(container.ports).toContainEqual({ name: 'admin', containerPort: expect.any(Number) });
    }
  });

  it('puts no secret into the open', () => {
    for (const { spec } of resources.filter((resource) => resource.spec.template))
      for (const { name, value } of spec.template.spec.containers.flatMap((each: any) => each.env))
        if (/SECRET|TOKEN|DATABASE|PROXY/.test(name)) expect([name, value]).toEqual([name, undefined]);
    expect(of(resources, 'Secret')).toEqual([]);
  });
});

describe('the chart', () => {
  it('runs migrations and topics before an install and an upgrade', () => {
    const jobs = of(render('required-values.yaml'), 'Job');
    expect(jobs.map(({ spec }) => spec.template.spec.containers[0].command)).toEqual([
      ['dits-migrate', 'up'],
      ['dits-topics', 'apply'],
    ]);
    for (const { metadata } of jobs)
      expect(metadata.annotations!['helm.sh/hook']).toBe('pre-install,pre-upgrade');
    expect(of(render('hpa-values.yaml'), 'Job')).toEqual([]);
  });

  it('leaves the number of dispatchers to whoever scales them', () => {
    const name = 'hooks-dits-webhooks-dispatcher';
    expect(named(of(render('required-values.yaml'), 'Deployment'), name).replicas).toBe(2);
    expect(named(of(render('everything-values.yaml'), 'Deployment'), name).replicas).toBeUndefined();
    expect(named(of(render('hpa-values.yaml'), 'Deployment'), name).replicas).toBeUndefined();
    expect(of(render('hpa-values.yaml'), 'HorizontalPodAutoscaler')).toHaveLength(1);
    expect(named(of(render('everything-values.yaml'), 'ScaledObject'), name)).toMatchObject({
      scaleTargetRef: { name },
      minReplicaCount: 1,
      maxReplicaCount: 12,
      triggers: [
        {
          type: 'kafka',
          metadata: {
            bootstrapServers: 'kafka:9092',
            consumerGroup: 'staging.dits-dispatcher',
            topic: 'staging.dits.deliveries',
            lagThreshold: '500',
          },
        },
      ],
    });
  });

  it('lets nobody but dispatchers onto the internet, and those not into the networks of the cluster', () => {
    const policies = of(render('required-values.yaml'), 'NetworkPolicy');
    expect(policies).toHaveLength(appNames.length);
    for (const { metadata, spec } of policies) {
      const blocks = spec.egress.flatMap(({ to = [] }: any) =>
        to.flatMap(({ ipBlock }: any) => ipBlock?.cidr ?? []),
      );
      expect([metadata.name, blocks]).toEqual([
        metadata.name,
        metadata.name.endsWith('-dispatcher') ? ['0.0.0.0/0', '::/0'] : [],
      ]);
      expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    }
    const [internet] = named(policies, 'hooks-dits-webhooks-dispatcher').egress.at(-1).to;
    expect(internet.ipBlock.except).toEqual(expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16']));
  });

  it.each(['kafka.brokers', 'registry.url', 'existingSecret'])('says what is missing without %s', (path) => {
    const { status, said } = runToFail('helm', templateArgs('required-values.yaml', '--set', `${path}=`));
    expect(status).not.toBe(0);
    expect(said).toContain(`${path} is not set`);
  });

  it.each(['replicas=3', 'autoscaling.by=vpa', 'apps.gateway.env.PATH=x', 'kafka.brokers=kafka'])(
    'refuses %s',
    (set) => {
      const { status, said } = runToFail('helm', templateArgs('required-values.yaml', '--set', set));
      expect(status).not.toBe(0);
      expect(said).toContain("values don't meet the specifications of the schema");
    },
  );

  // With everything switched on, so that every value has something to change.
  const overlay = join(chart, 'ci/everything-values.yaml');
  const defaults = readYaml<Record<string, unknown>>('infra/helm/values.yaml');
  it.each(leaves(defaults))('does something with %s', (path) => {
    // These two have no say where KEDA has it.
    const ways: Record<string, string> = {
      'autoscaling.targetCpuPercent': 'hpa',
      'apps.dispatcher.replicas': 'none',
    };
    const by = path in ways ? ['--set', `autoscaling.by=${ways[path]}`] : [];
    const values = ['--values', overlay, ...by];
    const args = ['template', 'hooks', chart, '--kube-version', `${kubernetes}.0`, ...values];
    const changed = join(folder, 'changed.yaml');
    writeFileSync(changed, JSON.stringify(asTree(path, another(path))));
    expect(run('helm', [...args, '--values', changed]) === run('helm', args)).toBe(false);
  });
});

/** `image.tag` for each value that is no map with values in it. */
function leaves(tree: Record<string, unknown>, prefix = ''): string[] {
  return Object.entries(tree).flatMap(([name, value]) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    const hasMore = isMap && Object.keys(value).length > 0;
    return hasMore ? leaves(value as Record<string, unknown>, `${prefix}${name}.`) : [`${prefix}${name}`];
  });
}

function asTree(path: string, value: unknown): unknown {
  return path.split('.').reduceRight((inner, name) => ({ [name]: inner }), value);
}

/** A value that fits the schema and is in no file. */
function another(path: string): unknown {
  const special: Record<string, unknown> = {
    'kafka.brokers': 'other:1234',
    'registry.url': 'http://other',
    'image.pullPolicy': 'Always',
    'image.pullSecrets': [{ name: 'other' }],
    logLevel: 'debug',
    'autoscaling.by': 'hpa',
    'service.type': 'NodePort',
    'networkPolicy.internetExcept': ['11.0.0.0/8'],
    'podMonitor.interval': '77s',
    'jobs.topics.replication': 7,
    tolerations: [{ key: 'other' }],
    'ingress.tls': [{ secretName: 'other' }],
    'networkPolicy.dispatcherEgress': [{ ports: [{ port: 77 }] }],
  };
  if (path in special) return special[path];
  if (/\.(enabled|httpsOnly)$|^scrapeAnnotations$/.test(path)) return false;
  if (/\.(cpu|memory)$/.test(path)) return '77Mi';
  if (/\.env$/.test(path)) return { DITS_OTHER: 'x' };
  if (/\.ports$/.test(path) && path.startsWith('networkPolicy')) return [77];
  if (/(\.to|\.clients|\.monitoring)$/.test(path)) return [{ podSelector: { matchLabels: { other: 'x' } } }];
  if (/([aA]nnotations|[lL]abels|nodeSelector)$/.test(path)) return { other: 'x' };
  if (/(replicas|Replicas|Limit|Seconds|lagPerReplica|Percent|maxUnavailable)$/.test(path)) return 77;
  return 'other';
}
