import { beforeAll, describe, expect, it } from '@jest/globals';
import { appNames, type AppName } from '@dits/local';
import { appSettings, chartApps, composeFile, read, required, type Setting } from './read-files.ts';

let settings: Record<AppName, Setting[]>;
beforeAll(async () => {
  settings = await appSettings();
});
const names = (app: AppName): string[] => settings[app].map(({ env }) => env);
const defaultOf = (app: AppName, env: string): string | undefined =>
  settings[app].find((setting) => setting.env === env)?.default;

// Set for every target in the Dockerfile.
const byImage = ['DITS_HOST', 'DITS_PORT', 'DITS_ADMIN_PORT'];

describe.each(appNames)('compose.yaml gives %s', (app) => {
  const given = (): string[] => Object.keys(composeFile().services[app]!.environment!);

  it('every setting that it needs', () => {
    expect(given()).toEqual(expect.arrayContaining(required(settings[app])));
  });

  it('no setting that it does not have', () => {
    expect(names(app)).toEqual(expect.arrayContaining(given()));
  });

  it('no setting that the image decides', () => {
    expect(given().filter((name) => byImage.includes(name))).toEqual([]);
  });
});

describe.each(appNames)('the chart gives %s', (app) => {
  const facts = chartApps()[app];
  const template = read('infra/helm/templates/deployments.yaml');
  /** What the template sets for all, or for those that `condition` holds for. */
  const given = (): string[] => {
    const all = [...template.matchAll(/- name: (DITS_\w+)/g)].map(([, name]) => name!);
    return [
      ...all.filter((name) => name !== 'DITS_PORT' || facts.port !== undefined),
      ...facts.secrets,
      ...(facts.optionalSecrets ?? []),
    ].filter((name) => facts.destinations || !/^DITS_(ALLOWED_|HTTPS_ONLY)/.test(name));
  };

  it('every setting that it needs', () => {
    expect(given()).toEqual(expect.arrayContaining(required(settings[app])));
  });

  it('no setting that it does not have', () => {
    expect(names(app)).toEqual(expect.arrayContaining(given()));
  });

  it('every secret from the Secret', () => {
    const secrets = settings[app].filter(({ secret }) => secret).map(({ env }) => env);
    expect([...facts.secrets, ...(facts.optionalSecrets ?? [])].toSorted()).toEqual(secrets.toSorted());
  });
});

describe.each(appNames)('the ports of %s', (app) => {
  it('are the same in the app, the image, the chart and the scrape configuration', () => {
    const facts = chartApps()[app];
    const asNumber = (text: string | undefined) => (text === undefined ? undefined : Number(text));
    expect({ port: facts.port, adminPort: facts.adminPort }).toEqual({
      port: asNumber(defaultOf(app, 'DITS_PORT')),
      adminPort: asNumber(defaultOf(app, 'DITS_ADMIN_PORT')),
    });
    const stage = new RegExp(`^FROM app AS ${app}\\n([\\s\\S]+?)\\n\\n`, 'm').exec(
      read('infra/docker/Dockerfile'),
    )![1]!;
    expect(stage).toContain(`DITS_ADMIN_PORT=${facts.adminPort}`);
    expect(stage).toContain(`EXPOSE ${[facts.port, facts.adminPort].filter(Boolean).join(' ')}\n`);
    if (facts.port !== undefined) expect(stage).toContain(`DITS_PORT=${facts.port}`);
    expect(read('infra/prometheus/prometheus.yml')).toContain(
      `names: [${app}], type: A, port: ${facts.adminPort}`,
    );
  });
});
