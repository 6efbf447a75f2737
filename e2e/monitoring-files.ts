import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** A rule of Prometheus: one that records, or an alert. */
export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface Target {
  datasource: { uid: string };
  expr?: string;
  rawSql?: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults: { unit: string } };
  targets?: Target[];
}

export interface Dashboard {
  path: string;
  uid: string;
  title: string;
  panels: Panel[];
  templating: { list: { name: string; datasource: { uid: string }; definition: string }[] };
}

export interface RuleTest {
  name: string;
  alert_rule_test: { alertname: string; exp_alerts: { exp_labels: Record<string, string> }[] }[];
}

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const yaml = <T>(path: string) => parse(read(path)) as T;

export const RULE_TESTS = 'infra/prometheus/tests/alerts.yml';

/** Every rule under infra/prometheus/rules. */
export function rules(): Rule[] {
  return globSync('infra/prometheus/rules/*.yml', { cwd: root }).flatMap((path) =>
    yaml<{ groups: { rules: Rule[] }[] }>(path).groups.flatMap((group) => group.rules),
  );
}

export const ruleTests = (): RuleTest[] => yaml<{ tests: RuleTest[] }>(RULE_TESTS).tests;

export function dashboards(): Dashboard[] {
  return globSync('infra/grafana/dashboards/*.json', { cwd: root })
    .sort()
    .map((path) => ({ ...(JSON.parse(read(path)) as Omit<Dashboard, 'path'>), path }));
}

/** The uids of the data sources that Grafana is given. */
export function dataSources(): string[] {
  const path = 'infra/grafana/provisioning/datasources/datasources.yaml';
  return yaml<{ datasources: { uid: string }[] }>(path).datasources.map(({ uid }) => uid);
}

export function scrapeJobs(): string[] {
  const path = 'infra/prometheus/prometheus.yml';
  const { scrape_configs } = yaml<{ scrape_configs: { job_name: string }[] }>(path);
  return scrape_configs.map(({ job_name }) => job_name);
}

/** The metrics of docs/metrics.md with their types. */
export function documentedMetrics(): Map<string, string> {
  const rows = read('docs/metrics.md').matchAll(/^\| `(dits_\w+)` +\| (\w+) +\|/gm);
  return new Map([...rows].map(([, name, type]) => [name!, type!]));
}

/** Our metrics in an expression, those of a histogram by its name alone. */
export function metricsIn(expr: string): string[] {
  const found = [...expr.matchAll(/\bdits_\w+/g)].map(([name]) => name);
  return [...new Set(found.map((name) => name.replace(/_(bucket|sum|count)$/, '')))];
}

/** The names of recording rules in an expression. */
export function recordsIn(expr: string): string[] {
  return [...new Set([...expr.matchAll(/\bdits:[\w:]+/g)].map(([name]) => name))];
}

/** The entries of docs/runbook.md, by title. */
export function runbook(): Map<string, string> {
  const [, ...entries] = read('docs/runbook.md').split(/^## /m);
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('\n')).trim(), entry]));
}
