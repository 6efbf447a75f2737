import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A secret that signs, sealed with the webhook's id as associated data. */
export interface SealedSecretJson {
  sealed: string;
  /** Signs until then, ms since 1970; null for the current one. */
  expires_at_ms: number | null;
}

/** A header on each request, its value sealed like a secret. */
export interface SealedHeaderJson {
  /** As given. */
  name: string;
  sealed: string;
}

/** An ed25519 key pair that signs besides the secrets; the private key sealed like a secret. */
export interface SealedSigningKeyJson extends SealedSecretJson {
  /** `whpk_…` */
  public_key: string;
}

/** A webhook as stored. Exactly one of `repositoryId` and `ownerLogin` is set. */
@Entity('webhooks')
export class Webhook {
  /** UUIDv7. */
  @PrimaryColumn('uuid')
  id: string;

  @Column('bigint', { name: 'repository_id', nullable: true })
  repositoryId: number | null;

  /** Lower case. */
  @Column('text', { name: 'owner_login', nullable: true })
  ownerLogin: string | null;

  @Column('text')
  url: string;

  /** Event names, `group.*` or `*`. */
  @Column('text', { array: true })
  events: string[];

  @Column('boolean')
  active: boolean;

  /** Why the service itself turned it off; null when a user did, or it is active. */
  @Column('text', { name: 'disabled_reason', nullable: true })
  disabledReason: string | null;

  /** When it was last switched off, by whomever; null: never. */
  @Column('timestamptz', { name: 'deactivated_at', nullable: true })
  deactivatedAt: Date | null;

  /** The current secret first, then rotated ones that may still sign. */
  @Column('jsonb')
  secrets: SealedSecretJson[];

  /** The current key first, then rotated ones that may still sign; empty: only the secrets do. */
  @Column('jsonb', { name: 'signing_keys' })
  signingKeys: SealedSigningKeyJson[];

  /** Sent on each attempt, before ours. */
  @Column('jsonb')
  headers: SealedHeaderJson[];

  /** 4xx codes that count as retryable. */
  @Column('int', { name: 'retry_statuses', array: true })
  retryStatuses: number[];

  /** Requests in flight at most; null: the dispatcher's default. */
  @Column('int', { name: 'max_concurrency', nullable: true })
  maxConcurrency: number | null;

  /** Null: no limit. */
  @Column('int', { name: 'rate_limit_per_second', nullable: true })
  rateLimitPerSecond: number | null;

  /** Whether attempts carry the context of their trace. */
  @Column('boolean', { name: 'send_traceparent' })
  sendTraceparent: boolean;

  /** From 1, up by one with every change. */
  @Column('bigint')
  version: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
