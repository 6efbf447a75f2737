import { ConfigError } from '@dits/contracts';
import type { z } from 'zod';

/** One setting of a process, read from one environment variable. */
export interface ConfigField<T = unknown> {
  /** Name of the variable: `DITS_PORT`. */
  env: string;
  /** Reads the variable's text; sees `undefined` when it is unset and there is no default. See `setting`. */
  schema: z.ZodType<T>;
  /** What it does, and the reason of the default where there is one. */
  doc: string;
  /** Unit of the number: `ms`, `bytes`, `records`. */
  unit?: string;
  /** Text that counts when the variable is unset or empty. */
  default?: string;
  /** True: its value is never printed, only whether it is set. */
  secret?: boolean;
}

/** The settings of a process by the name the code uses. */
export type ConfigFields = Record<string, ConfigField>;

/** The values of {@link ConfigFields}. */
export type ConfigOf<F extends ConfigFields> = { [K in keyof F]: z.output<F[K]['schema']> };

/**
 * Reads every field from the environment. An empty variable counts as unset.
 *
 * Throws one `ConfigError` that lists all problems, a line each, each with its variable. A secret's value is never in it.
 */
export function readConfig<const F extends ConfigFields>(fields: F, env: NodeJS.ProcessEnv): ConfigOf<F> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const text = env[field.env] || field.default;
    const result = field.schema.safeParse(text);
    if (result.success) {
      values[name] = result.data;
    } else if (text === undefined) {
      problems.push(`${field.env}: is required (${field.doc})`);
    } else {
      const reason = result.error.issues.map(({ message }) => message).join('; ');
      problems.push(`${field.env}: ${reason}${field.secret ? '' : ` (it is ${JSON.stringify(text)})`}`);
    }
  }
  if (problems.length > 0) {
    throw new ConfigError(`the configuration is wrong:\n${problems.map((p) => `  ${p}`).join('\n')}`);
  }
  return values as ConfigOf<F>;
}

/** The settings as they may be logged: variable to value, secrets as `set` or `unset`. */
export function describeConfig(fields: ConfigFields, env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.values(fields).map(({ env: variable, secret, default: fallback }) => {
      const text = env[variable] || fallback;
      return [variable, secret ? (text ? 'set' : 'unset') : (text ?? 'unset')];
    }),
  );
}

/** What `--help` prints: every variable with its default, its unit and its reason. */
export function configHelp(name: string, fields: ConfigFields): string {
  const lines = Object.values(fields).map(({ env, schema, default: fallback, unit, secret, doc }) => {
    const facts = [
      fallback === undefined
        ? schema.safeParse(undefined).success
          ? 'optional'
          : 'required'
        : `default ${fallback === '' ? 'empty' : fallback}${unit ? ` ${unit}` : ''}`,
      ...(fallback === undefined && unit ? [`in ${unit}`] : []),
      ...(secret ? ['secret'] : []),
    ];
    return `  ${env}  (${facts.join(', ')})\n      ${doc}`;
  });
  return `dits ${name}: settings are environment variables.\n\n${lines.join('\n')}\n`;
}
