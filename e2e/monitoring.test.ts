import { appNames } from '@dits/local';
import { describe, expect, it } from '@jest/globals';
import {
  dashboards,
  dataSources,
  documentedMetrics,
  metricsIn,
  recordsIn,
  rules,
  ruleTests,
  runbook,
  scrapeJobs,
} from './monitoring-files.ts';

const alerts = rules().filter(({ alert }) => alert !== undefined);
const recorded = rules().flatMap(({ record }) => record ?? []);
const panels = dashboards().flatMap((board) => board.panels.map((panel) => ({ board, panel })));
const targets = panels.flatMap(({ panel }) => panel.targets ?? []);
const panelExprs = targets.flatMap(({ expr }) => expr ?? []);
const exprs = [...panelExprs, ...rules().map(({ expr }) => expr)];
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

describe('the metrics of dashboards, rules and docs/metrics.md', () => {
  it('are documented, each that a panel or a rule names', () => {
    const unknown = exprs.flatMap(metricsIn).filter((name) => !documentedMetrics().has(name));
    expect(sorted(unknown)).toEqual([]);
  });

  it('are used by a panel or an alert, each that is documented', () => {
    // Those that a recording rule reads count only when somebody reads the recording rule.
    const read = new Set([...panelExprs, ...alerts.map(({ expr }) => expr)].flatMap(recordsIn));
    const used = new Set(
      rules()
        .filter(({ record }) => record === undefined || read.has(record))
        .map(({ expr }) => expr)
        .concat(panelExprs)
        .flatMap(metricsIn),
    );
    expect([...documentedMetrics().keys()].filter((name) => !used.has(name))).toEqual([]);
  });

  it('are recorded by a rule, those with a colon, and every such rule is read', () => {
    expect(sorted(exprs.flatMap(recordsIn))).toEqual(sorted(recorded));
  });

  it('are taken as what they are: rates of counters, quantiles of histograms', () => {
    for (const expr of exprs) {
      for (const [, name] of expr.matchAll(/\b(?:rate|increase)\((dits_\w+)/g)) {
        const type = documentedMetrics().get(name!) ?? documentedMetrics().get(metricsIn(name!)[0]!);
        expect([name, type]).toEqual([name, name!.endsWith('_total') ? 'counter' : 'histogram']);
      }
    }
  });
});

describe('infra/prometheus', () => {
  it('scrapes every app under its name', () => {
    expect(scrapeJobs().sort()).toEqual([...appNames].sort());
  });

  it.each(alerts)('has for $alert a severity, a summary and a runbook entry of the same severity', (rule) => {
    const { alert, labels, annotations } = rule;
    expect(['critical', 'warning']).toContain(labels?.['severity']);
    expect(annotations?.['summary']).toMatch(/^[A-Z].+\.$/);
    expect(annotations?.['runbook']).toBe(`docs/runbook.md#${alert!.toLowerCase()}`);
    const entry = runbook().get(alert!);
    expect(entry?.split('\n')[2]?.toLowerCase()).toMatch(new RegExp(`^${labels?.['severity']}\\. `));
    expect(entry?.match(/^- \*\*[^*]+\*\*/gm)).toEqual([
      '- **Users feel:**',
      '- **Confirm:**',
      '- **Do:**',
      '- **Over:**',
    ]);
  });

  it('has no runbook entry without an alert', () => {
    expect([...runbook().keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it.each(alerts)('tests that $alert fires, and that it is silent', ({ alert }) => {
    const expected = ruleTests()
      .flatMap((test) => test.alert_rule_test)
      .filter(({ alertname }) => alertname === alert)
      .map(({ exp_alerts }) => exp_alerts.length > 0);
    expect(sorted(expected.map(String))).toEqual(['false', 'true']);
  });
});

describe('infra/grafana', () => {
  it('has dashboards with uids and titles of their own', () => {
    expect(new Set(dashboards().map(({ uid }) => uid)).size).toBe(dashboards().length);
    expect(new Set(dashboards().map(({ title }) => title)).size).toBe(dashboards().length);
  });

  it.each(dashboards())(
    'has panels in $path that ask a data source that is there',
    ({ panels, templating }) => {
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const asking = panels.filter(({ type }) => type !== 'row');
      expect(asking.length).toBeGreaterThan(5);
      for (const { title, targets = [], fieldConfig } of asking) {
        expect(title).not.toBe('');
        expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.any(String)]);
        expect([title, targets.length]).not.toEqual([title, 0]);
        for (const { datasource, expr, rawSql } of targets) {
          expect(dataSources()).toContain(datasource.uid);
          expect([title, datasource.uid]).toEqual([title, expr === undefined ? 'postgres' : 'prometheus']);
          expect([title, expr ?? rawSql]).toEqual([title, expect.any(String)]);
        }
      }
      for (const { datasource } of templating.list) expect(dataSources()).toContain(datasource.uid);
    },
  );

  it.each(dashboards())('has panels in $path that do not lie over each other', ({ panels }) => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.get(`${x}/${y}`)]).toEqual([title, undefined]);
          taken.set(`${x}/${y}`, title);
        }
      }
    }
  });
});
