import { RegistryFault } from '@dits/contracts';
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type avsc from 'avsc';
import { sleep } from '../backoff.js';
import { errorText } from '../error-text.js';

/** Answer to a look-up by id. */
export type FoundSchema =
  | { kind: 'avro'; schema: object }
  /** The registry does not know the id. */
  | { kind: 'unknown' }
  /** Not Avro, or not a schema that can be read. */
  | { kind: 'unreadable'; why: string };

/** What we use of the library's client, which types it as `any`. */
interface RegistryApi {
  Schema: { find(query: { id: number }): Promise<ApiAnswer> };
  Subject: {
    all(query: object): Promise<ApiAnswer>;
    latestVersion(query: { subject: string }): Promise<ApiAnswer>;
    updateConfig(query: { subject: string; body: { compatibility: string } }): Promise<ApiAnswer>;
  };
}
interface ApiAnswer {
  data(): unknown;
}
interface ApiRequest<R> {
  enhance(extras: { timeout: number }): R;
}

const CLIENT = 'dits-webhooks';
// A whole look-up or registration is up to four requests, each with the deadline; a slow registry gets time for them all.
const REQUESTS_AT_MOST = 4;

/** The schema registry, with a deadline on every request. */
export class Registry {
  private readonly registry: SchemaRegistry;
  /** A subject that was registered from here, which a registry that is still the same has. */
  private ownSubject: string | undefined;

  constructor(private readonly options: { url: string; timeoutMs: number }) {
    this.registry = new SchemaRegistry({
      host: options.url.replace(/\/$/, ''),
      clientId: CLIENT,
      // Repeating is up to our callers.
      retry: { retries: 0 },
      middlewares: [deadline(options.timeoutMs)],
    });
  }

  /**
   * Registers a schema under a subject that takes only FULL_TRANSITIVE changes, and returns its id. A second time
   * changes nothing. Throws {@link RegistryFault}, also when the schema is not compatible with those before it.
   */
  async register(subject: string, schema: object): Promise<number> {
    const given = { type: SchemaType.AVRO as const, schema: JSON.stringify(schema) };
    const register = (): Promise<{ id: number }> =>
      this.registry.register(given, { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE });
    const registered = async (): Promise<number> => {
      try {
        return (await register()).id;
      } catch (error) {
        // The subject takes other changes yet; or another process was setting what it takes at the same moment.
        if ((error as Error).name === 'ConfluentSchemaRegistryCompatibilityError')
          await this.restrict(subject);
        else if (!isConflictOfSettings(error)) throw error;
        return (await register()).id;
      }
    };
    const id = await this.within(
      `did not register ${subject}`,
      registered().catch((cause: unknown) => {
        if (statusOf(cause) === 409 && !isConflictOfSettings(cause)) throw refused(subject, cause);
        throw cause;
      }),
    );
    this.ownSubject = subject;
    return id;
  }

  private async restrict(subject: string): Promise<void> {
    try {
      const body = { compatibility: COMPATIBILITY.FULL_TRANSITIVE };
      await this.api.Subject.updateConfig({ subject, body });
    } catch (error) {
      if (!isConflictOfSettings(error)) throw error;
    }
  }

  /** Throws {@link RegistryFault} when the registry does not answer as it should. */
  async find(id: number): Promise<FoundSchema> {
    const found = async (): Promise<FoundSchema> => {
      let answer: { schema?: unknown; schemaType?: string; references?: unknown[] };
      try {
        answer = (await this.api.Schema.find({ id })).data() as typeof answer;
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        await this.proveIsOurs();
        return { kind: 'unknown' };
      }
      if (typeof answer.schema !== 'string') throw new Error('its answer holds no schema');
      if ((answer.schemaType ?? 'AVRO') !== 'AVRO')
        return { kind: 'unreadable', why: `is ${answer.schemaType}` };
      // The library puts schemas together that refer to others.
      if (answer.references?.length) {
        const whole = (await this.registry.getSchema(id)) as unknown as avsc.Type;
        return { kind: 'avro', schema: whole.schema() as object };
      }
      try {
        return { kind: 'avro', schema: JSON.parse(answer.schema) as object };
      } catch {
        return { kind: 'unreadable', why: 'is not JSON' };
      }
    };
    return this.within(`did not tell schema ${id}`, found());
  }

  /**
   * Throws when what says that it does not know an id is not the registry that knows our schemas: the 404 of a proxy, of a
   * wrong path, or of a registry that was emptied would otherwise send every event to the dead letters.
   */
  private async proveIsOurs(): Promise<void> {
    const { ownSubject } = this;
    if (ownSubject !== undefined) {
      try {
        await this.api.Subject.latestVersion({ subject: ownSubject });
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        throw new Error(
          `nor does it know ${ownSubject}, which was registered from here. Was it emptied, or is it another one? ` +
            'Restore its schemas; or restart the apps, which register theirs anew, and give up records of other schemas',
          { cause: error },
        );
      }
    } else if (!Array.isArray((await this.api.Subject.all({})).data())) {
      throw new Error('what answers is no schema registry');
    }
  }

  private get api(): RegistryApi {
    return this.registry['api'] as RegistryApi;
  }

  private async within<T>(what: string, answer: Promise<T>): Promise<T> {
    const timeoutMs = this.options.timeoutMs * REQUESTS_AT_MOST;
    const stop = new AbortController();
    // Should a request outlive its own deadline, by an answer that never ends.
    const late = sleep(timeoutMs, stop.signal).then((): never => {
      throw new RegistryFault(`the schema registry ${what} within ${timeoutMs} ms`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } catch (cause) {
      if (cause instanceof RegistryFault) throw cause;
      throw new RegistryFault(`the schema registry ${what}: ${reasonOf(cause)}`, { cause });
    } finally {
      stop.abort();
    }
  }
}

/** Ends a request that gets no answer, rather than only not waiting for it. */
function deadline(timeoutMs: number) {
  return () => ({
    request: <R extends ApiRequest<R>>(request: R) =>
      Promise.resolve(request.enhance({ timeout: timeoutMs })),
  });
}

function refused(subject: string, cause: unknown): RegistryFault {
  return new RegistryFault(
    `the schema registry refuses the schema of ${subject}, which does not fit the versions before it ` +
      `(${reasonOf(cause)}). Undo the change of the schema: docs/schemas.md says what may change`,
    { cause },
  );
}

function statusOf(error: unknown): unknown {
  return (error as { status?: unknown }).status;
}

/** Whether a registry refused to set what a subject takes: all our processes set the same, and one was first. */
function isConflictOfSettings(error: unknown): boolean {
  const { url } = error as { url?: unknown };
  return statusOf(error) === 409 && typeof url === 'string' && /^put .*\/config\//i.test(url);
}

/** The library puts its client's name before each message, and a status of its own invention before what was no answer. */
function reasonOf(cause: unknown): string {
  return errorText(cause)
    .replace(`${CLIENT} - `, '')
    .replace(/^Error, status 400: (?=.)/, '');
}
