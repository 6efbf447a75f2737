import type { Problem } from '@dits/contracts';
import { ProblemException } from '@dits/runtime';
import type { z } from 'zod';

export type ReadResult<T> = { kind: 'fields'; fields: T } | { kind: 'problems'; problems: Problem[] };

const MAX_PROBLEMS = 20;

/** Checks JSON against a schema: the typed fields, or up to 20 problems, each with the path of its field. */
export function readFields<S extends z.ZodType>(schema: S, json: unknown): ReadResult<z.output<S>> {
  const result = schema.safeParse(json, { reportInput: true });
  if (result.success) return { kind: 'fields', fields: result.data };
  const problems = new Map<string, Problem>();
  for (const problem of result.error.issues.flatMap(toProblems)) {
    problems.set(`${problem.path}: ${problem.message}`, problem);
  }
  return { kind: 'problems', problems: [...problems.values()].slice(0, MAX_PROBLEMS) };
}

/** The same, for a request: what is wrong becomes a 422 that names every field. */
export function fieldsOf<S extends z.ZodType>(schema: S, json: unknown): z.output<S> {
  const result = readFields(schema, json);
  if (result.kind === 'fields') return result.fields;
  throw invalidFields(result.problems);
}

/** The 422 of bad fields. */
export function invalidFields(problems: Problem[]): ProblemException {
  const detail = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
  return new ProblemException(422, { detail, code: 'invalid_fields', errors: problems });
}

function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = pathText(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: path ? `${path}.${key}` : key,
        message: 'is not a field here',
      }));
    case 'invalid_type':
      if (issue.input === undefined) return [{ path, message: path ? 'is required' : 'must be an object' }];
      // A schema's own message says more; Zod's own begin with a capital.
      if (issue.message.startsWith('must ')) return [{ path, message: issue.message }];
      return [{ path, message: `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}` }];
    case 'invalid_value':
      return [{ path, message: `must be one of ${issue.values.join(', ')}` }];
    default:
      return [{ path, message: issue.message }];
  }
}

const TYPE_NAMES: Record<string, string> = {
  string: 'a string',
  boolean: 'true or false',
  number: 'a number',
  array: 'a list',
  object: 'an object',
};

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text ? `${text}.${String(step)}` : String(step);
  }, '');
}
