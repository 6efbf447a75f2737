import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An API token as stored: its keyed hash, never itself. */
@Entity('tokens')
export class Token {
  /** UUIDv7. */
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  name: string;

  /** First characters of the token, to tell tokens apart in a list. */
  @Column('text')
  prefix: string;

  /** HMAC-SHA256 of the token, 32 bytes. */
  @Column('bytea')
  hash: Buffer;

  /** Id of the token key that the hash was made with. */
  @Column('text', { name: 'key_id' })
  keyId: string;

  @Column('text', { array: true })
  scopes: string[];

  /** With `ownerLogins`: what it is limited to, either one sufficing; both null: no limit. */
  @Column('bigint', { name: 'repository_ids', array: true, nullable: true })
  repositoryIds: number[] | null;

  /** Lower case. */
  @Column('text', { name: 'owner_logins', array: true, nullable: true })
  ownerLogins: string[] | null;

  /** API requests a second, instead of the installation's default; 0: no limit. */
  @Column('integer', { name: 'requests_per_second', nullable: true })
  requestsPerSecond: number | null;

  /** Events a second that it may post, instead of the installation's default; 0: no limit. */
  @Column('integer', { name: 'events_per_second', nullable: true })
  eventsPerSecond: number | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  /** To the minute. */
  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt: Date | null;
}
