import type pg from 'pg';
import { dashboards, metricsIn, recordsIn, rules, type Dashboard, type Target } from './monitoring-files.ts';

/** One thing that has to be so; the answer is what is wrong with it, or null. */
export interface Check {
  title: string;
  run: () => Promise<string | null>;
}

/** What the variables of the dashboards stand for: a tier, and a webhook of a scope. */
export interface Variables {
  tier: string;
  webhook: string;
  scope: string;
}

/** That every rule is evaluated without an error, that what it reads is there, and that nothing fires that has no reason to. */
export function ruleChecks(url: string): Check[] {
  const evaluated = rules().map(({ record, alert }) => ({
    title: `rule ${record ?? alert} is evaluated`,
    run: () => ruleProblem(url, record ?? alert!),
  }));
  const read = new Set(
    rules().flatMap(({ record, expr }) => [
      ...(record ? [record] : []),
      ...metricsIn(expr),
      ...recordsIn(expr),
    ]),
  );
  const there = [...read].map((name) => ({
    title: `${name} is there`,
    // A histogram is known by its count.
    run: () => emptyProblem(url, `{__name__=~"${name}|${name}_count"}`),
  }));
  return [...evaluated, ...there];
}

/** That every panel's query, and every variable's, has an answer that is not empty. */
export function panelChecks(o: { url: string; database: pg.Pool; variables: Variables }): Check[] {
  return dashboards().flatMap((board) => [
    ...board.panels.flatMap(({ title, targets = [] }) =>
      targets.map((target) => ({
        title: `panel "${title}" of ${board.path}: ${target.expr ?? target.rawSql}`,
        run: () => targetProblem(target, o),
      })),
    ),
    ...variableChecks(board, o),
  ]);
}

function variableChecks(board: Dashboard, o: Parameters<typeof panelChecks>[0]): Check[] {
  return board.templating.list.map(({ name, datasource, definition }) => ({
    title: `variable ${name} of ${board.path}`,
    run: () => {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
      return datasource.uid === 'postgres'
        ? sqlProblem(definition, o)
        : emptyProblem(o.url, `count by (${label}) (${metric})`);
    },
  }));
}

function targetProblem(target: Target, o: Parameters<typeof panelChecks>[0]): Promise<string | null> {
  return target.expr === undefined
    ? sqlProblem(target.rawSql!, o)
    : emptyProblem(o.url, fill(target.expr, o.variables));
}

function fill(query: string, variables: Variables): string {
  return query.replaceAll(/\$(tier|webhook|scope)\b/g, (_, name: keyof Variables) => variables[name]);
}

async function sqlProblem(
  sql: string,
  { database, variables }: { database: pg.Pool; variables: Variables },
): Promise<string | null> {
  // As Grafana does it.
  const timeFilter = (_: string, column: string) => `${column} BETWEEN now() - interval '1 day' AND now()`;
  const { rowCount } = await database.query(
    fill(sql, variables).replaceAll(/\$__timeFilter\(([\w.]+)\)/g, timeFilter),
  );
  return rowCount === 0 ? 'the answer is empty' : null;
}

async function emptyProblem(url: string, query: string): Promise<string | null> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  const answer = (await response.json()) as { error?: string; data?: { result: unknown[] } };
  if (answer.data === undefined) return answer.error ?? `status ${response.status}`;
  return answer.data.result.length === 0 ? 'the answer is empty' : null;
}

interface RuleAnswer {
  name: string;
  health: string;
  lastError?: string;
  state?: string;
}

async function ruleProblem(url: string, name: string): Promise<string | null> {
  const response = await fetch(`${url}/api/v1/rules`);
  const { data } = (await response.json()) as { data: { groups: { rules: RuleAnswer[] }[] } };
  const rule = data.groups.flatMap((group) => group.rules).find((one) => one.name === name);
  if (!rule) return 'it is not loaded';
  if (rule.health !== 'ok') return rule.lastError ?? `its health is ${rule.health}`;
  return rule.state === 'firing' ? 'it fires' : null;
}

/** Runs the checks again and again until all are good, at most `timeoutMs`; returns those that are not, with what is wrong. */
export async function untilGood(checks: Check[], timeoutMs: number, signal: AbortSignal): Promise<string[]> {
  const end = Date.now() + timeoutMs;
  let open = checks;
  for (;;) {
    const problems: string[] = [];
    const bad: Check[] = [];
    for (const check of open) {
      signal.throwIfAborted();
      const problem = await check.run().catch((error: unknown) => String(error));
      if (problem === null) continue;
      problems.push(`${check.title}: ${problem}`);
      bad.push(check);
    }
    if (bad.length === 0 || Date.now() > end) return problems;
    open = bad;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
