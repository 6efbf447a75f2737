/** Base of every error we throw: a stable `code` that `docs/errors.md` explains. */
export abstract class DitsError extends Error {
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

/** Why a record can't be read. */
export type PoisonReason = 'not_avro' | 'unknown_schema' | 'wrong_type' | 'invalid_value' | 'too_large';

/** A record nobody can read: it goes to the dead letters with its bytes untouched, and its partition goes on. */
export class PoisonRecordError extends DitsError {
  readonly code = 'DITS_POISON_RECORD';
  constructor(
    readonly reason: PoisonReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Kafka did not take or give what was asked of it; the step is tried again. */
export class KafkaFault extends DitsError {
  readonly code = 'DITS_KAFKA_FAULT';
}

/** The schema registry did not answer in time, or not as it should; the step is tried again. */
export class RegistryFault extends DitsError {
  readonly code = 'DITS_REGISTRY_FAULT';
}

/** The database did not store or give what was asked of it; the step is tried again. */
export class StorageFault extends DitsError {
  readonly code = 'DITS_STORAGE_FAULT';
}

/** The identity provider did not give its keys, or one that can be used: whether a JWT is good can't be known. */
export class IdentityFault extends DitsError {
  readonly code = 'DITS_IDENTITY_FAULT';
}

/** The configuration of a process is wrong; it lists every problem, each with its variable. */
export class ConfigError extends DitsError {
  readonly code = 'DITS_CONFIG';
}
