import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A field that was changed. Neither side for what is secret; no `from` when it was made, no `to` when it was removed. */
export interface AuditChange {
  field: string;
  from?: unknown;
  to?: unknown;
}

/** One change that somebody made, or the service itself. Written once, with the change, and never changed. */
@Entity('audit_entries')
export class AuditEntry {
  /** UUIDv7 of `at`. */
  @PrimaryColumn('uuid') id: string;
  @PrimaryColumn('timestamptz') at: Date;
  /** `webhook.created` */
  @Column('text') action: string;
  /** `token`, `jwt`, `system` or `command`. */
  @Column('text', { name: 'actor_kind' }) actorKind: string;
  /** Id of the token or of the JWT's subject; else the kind once more. */
  @Column('text', { name: 'actor_id' }) actorId: string;
  /** Name of the token, subject of the JWT, or the command. */
  @Column('text', { name: 'actor_name', nullable: true }) actorName: string | null;
  /** Of a JWT. */
  @Column('text', { name: 'actor_issuer', nullable: true }) actorIssuer: string | null;
  /** Address of the client. */
  @Column('text', { nullable: true }) address: string | null;
  @Column('text', { name: 'request_id', nullable: true }) requestId: string | null;
  @Column('text', { name: 'target_kind' }) targetKind: string;
  /** Null: several, which `changes` names. */
  @Column('text', { name: 'target_id', nullable: true }) targetId: string | null;
  /** The webhook that is, or has, the target; with its repository or owner. */
  @Column('uuid', { name: 'webhook_id', nullable: true }) webhookId: string | null;
  @Column('bigint', { name: 'repository_id', nullable: true }) repositoryId: number | null;
  @Column('text', { name: 'owner_login', nullable: true }) ownerLogin: string | null;
  @Column('jsonb') changes: AuditChange[];
}
