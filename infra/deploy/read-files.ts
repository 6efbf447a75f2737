import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appNames, repositoryRoot, type AppName } from '@dits/local';
import { parse } from 'yaml';

/** A setting of an app, as its config.ts declares it. */
export interface Setting {
  env: string;
  default?: string;
  secret?: boolean;
  schema: { safeParse(value: unknown): { success: boolean } };
}

/** The text of a file of the repository. */
export function read(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8');
}

/** The content of a YAML file of the repository, with its anchors and merges resolved. */
export function readYaml<T>(path: string): T {
  return parse(read(path), { merge: true }) as T;
}

/** The settings of every app, from its build. */
export async function appSettings(): Promise<Record<AppName, Setting[]>> {
  const entries = appNames.map(async (app) => {
    const path = join(repositoryRoot, `apps/${app}/dist/config.js`);
    const { config } = (await import(path)) as { config: Record<string, Setting> };
    return [app, Object.values(config)] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<AppName, Setting[]>;
}

/** The names of those without which the app does not start. */
export function required(settings: readonly Setting[]): string[] {
  const isRequired = (setting: Setting): boolean =>
    setting.default === undefined && !setting.schema.safeParse(undefined).success;
  return settings.filter(isRequired).map(({ env }) => env);
}

/** What infra/helm/files/apps.yaml says of one app. */
export interface ChartApp {
  port?: number;
  adminPort: number;
  secrets: string[];
  optionalSecrets?: string[];
  destinations?: boolean;
}

/** The apps as the chart knows them. */
export function chartApps(): Record<AppName, ChartApp> {
  return readYaml('infra/helm/files/apps.yaml');
}

/** What infra/compose.yaml says of one service. */
export interface ComposeEntry {
  image: string;
  build?: { target: string };
  command?: string[];
  environment?: Record<string, string | number>;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  depends_on?: Record<string, { condition: string }>;
  volumes?: string[];
  ports?: string[];
}

/** The services of infra/compose.yaml. */
export function composeFile(): { services: Record<string, ComposeEntry>; volumes: Record<string, unknown> } {
  return readYaml('infra/compose.yaml');
}
