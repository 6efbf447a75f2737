// Generated from schemas/ by `npm run generate`; do not edit.

/** A branch was created. */
export interface BranchCreated {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Short name of the branch. */
  branch: string;
  /** Full name of the ref. */
  ref?: null | string;
  /** Object id the branch points or pointed to. */
  sha?: null | string;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** The repository an event happened in. */
export interface Repository {
  /** Numeric id; stable through renames and transfers. 0 to 2^53-1. */
  id: number;
  /** Name without its owner. */
  name: string;
  /** Owner and name, joined by a slash. */
  full_name: string;
  /** True when only members can see it. */
  private: boolean;
  /** Who owns the repository. Without it, the part of full_name before the slash counts as the owner's login. */
  owner?: null | Account;
  /** Free text. */
  description?: null | string;
  /** Name of the branch that is checked out first. */
  default_branch?: null | string;
  /** Web address of the repository. */
  url?: null | string;
}

/** A user or an organization that an event speaks of. */
export interface Account {
  /** Login name. */
  login?: null | string;
  /** Numeric id. 0 to 2^53-1. */
  id?: null | number;
  /** Kind of account: user, bot or organization. */
  type?: null | string;
}

/** Who caused an event. */
export interface User {
  /** Numeric id. 0 to 2^53-1. */
  id: number;
  /** Login name. */
  login: string;
  /** Kind of account: user, bot or organization. */
  type: string;
}

/** A branch was deleted. */
export interface BranchDeleted {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Short name of the branch. */
  branch: string;
  /** Full name of the ref. */
  ref?: null | string;
  /** Object id the branch points or pointed to. */
  sha?: null | string;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A file was locked for editing. */
export interface LockAcquired {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** The lock. */
  lock: Lock;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A lock on one file. */
export interface Lock {
  /** Path of the locked file from the root of the repository. */
  path: string;
  /** Id of the lock. */
  id?: null | string;
  /** Full name of the ref the lock is on. */
  ref?: null | string;
  /** Who holds the lock. */
  owner?: null | Account;
  /** When it was taken, RFC 3339. */
  locked_at?: null | string;
}

/** A user was added to a repository. */
export interface MemberAdded {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** The member. */
  member: Account;
  /** Role in the repository. */
  role?: null | string;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A user was removed from a repository. */
export interface MemberRemoved {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** The member. */
  member: Account;
  /** Role in the repository. */
  role?: null | string;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** Commits were pushed to a branch. */
export interface Push {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Commits that are new on the ref, oldest first. Empty when the ref was deleted. */
  commits: Commit[];
  /** Commit the ref points to now; absent when the ref was deleted. */
  head_commit?: null | HeadCommit;
  /** Full name of the ref. */
  ref?: null | string;
  /** Object id before the push; zeros when the ref is new. */
  before?: null | string;
  /** Object id after the push; zeros when the ref was deleted. */
  after?: null | string;
  /** True when history was rewritten. */
  forced?: null | boolean;
  /** Number of commits of the push; more than the list holds when it was cut. */
  total_commits?: null | number;
  /** True when older commits were left out to keep the body within its limit. */
  commits_truncated?: null | boolean;
  /** Web address that shows the difference. */
  compare_url?: null | string;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** One commit of a push. */
export interface Commit {
  /** Object id in hex. */
  id: string;
  /** Whole commit message. */
  message: string;
  /** Who wrote the change. */
  author: Author;
  /** Who committed it. */
  committer?: null | Person;
  /** Committer time, RFC 3339. */
  timestamp?: null | string;
  /** Web address of the commit. */
  url?: null | string;
  /** Paths of added files. */
  added?: null | string[];
  /** Paths of modified files. */
  modified?: null | string[];
  /** Paths of removed files. */
  removed?: null | string[];
}

/** Author of a commit, as git records it. */
export interface Author {
  /** Full name. */
  name: string;
  /** E-mail address. */
  email: string;
}

/** A person as git records one; either part may be missing. */
export interface Person {
  /** Full name. */
  name?: null | string;
  /** E-mail address. */
  email?: null | string;
}

/** The commit a ref points to after a push. */
export interface HeadCommit {
  /** Object id in hex. */
  id: string;
  /** Whole commit message. */
  message: string;
  /** Who wrote the change. */
  author?: null | Author;
  /** Who committed it. */
  committer?: null | Person;
  /** Committer time, RFC 3339. */
  timestamp?: null | string;
  /** Web address of the commit. */
  url?: null | string;
  /** Paths of added files. */
  added?: null | string[];
  /** Paths of modified files. */
  modified?: null | string[];
  /** Paths of removed files. */
  removed?: null | string[];
}

/** A branch was pushed with its history rewritten. */
export interface PushForce {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Commits that are new on the ref, oldest first. Empty when the ref was deleted. */
  commits: Commit[];
  /** Commit the ref points to now; absent when the ref was deleted. */
  head_commit?: null | HeadCommit;
  /** Full name of the ref. */
  ref?: null | string;
  /** Object id before the push; zeros when the ref is new. */
  before?: null | string;
  /** Object id after the push; zeros when the ref was deleted. */
  after?: null | string;
  /** True when history was rewritten. */
  forced?: null | boolean;
  /** Number of commits of the push; more than the list holds when it was cut. */
  total_commits?: null | number;
  /** True when older commits were left out to keep the body within its limit. */
  commits_truncated?: null | boolean;
  /** Web address that shows the difference. */
  compare_url?: null | string;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A tag was pushed. */
export interface PushTag {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Short name of the tag. */
  tag: string;
  /** Full name of the ref. */
  ref?: null | string;
  /** Object id before the push; zeros when the tag is new. */
  before?: null | string;
  /** Object id after the push; zeros when the tag was deleted. */
  after?: null | string;
  /** True when the tag was there before and now points elsewhere. */
  forced?: null | boolean;
  /** Commits that came with the tag, oldest first. */
  commits?: null | Commit[];
  /** Commit the tag points to. */
  head_commit?: null | HeadCommit;
  /** Number of commits of the push; more than the list holds when it was cut. */
  total_commits?: null | number;
  /** True when older commits were left out to keep the body within its limit. */
  commits_truncated?: null | boolean;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A repository was created. */
export interface RepoCreated {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A repository was removed. */
export interface RepoDeleted {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** A repository went to another owner. */
export interface RepoTransferred {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Owner before. */
  from: Account;
  /** Owner after. */
  to: Account;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** Settings of a repository were changed. */
export interface RepoUpdated {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** The settings that changed. */
  changes: Change[];
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** One changed setting. */
export interface Change {
  /** Name of the setting. */
  field: string;
  /** Value before; absent when there was none. */
  from?: null | boolean | number | string;
  /** Value after; absent when it was cleared. */
  to?: null | boolean | number | string;
}

/** A tag was created. */
export interface TagCreated {
  /** The repository. */
  repository: Repository;
  /** Who did it. */
  sender: User;
  /** Short name of the tag. */
  tag: string;
  /** Full name of the ref. */
  ref?: null | string;
  /** Object id the tag points to. */
  sha?: null | string;
  /** Message of an annotated tag. */
  message?: null | string;
  /** Who made an annotated tag. */
  tagger?: null | Person;
  /** Id of the event, a UUID. The gateway assigns one when it is absent. */
  event_id: string;
  /** When it happened, RFC 3339. The gateway takes its own clock when it is absent. */
  occurred_at: string;
}

/** The service switched a webhook off: its receiver answered 410, or has been failing for days. */
export interface WebhookDisabled {
  /** The webhook. */
  webhook: DisabledWebhook;
  /** gone: the receiver answered 410. failing: no delivery succeeded for days. */
  reason: string;
  /** When the first delivery failed after the last that succeeded, RFC 3339; with the reason failing. */
  failing_since?: null | string;
  /** UUID of the event. */
  event_id: string;
  /** When it was switched off, RFC 3339. */
  occurred_at: string;
}

/** A webhook that was switched off. */
export interface DisabledWebhook {
  /** Id of the webhook. */
  id: string;
  /** Set for a webhook of one repository. */
  repository_id?: null | number;
  /** Set for a webhook of all repositories of an owner. */
  owner_login?: null | string;
  /** Where its deliveries were posted. */
  url: string;
  /** What it asked for. */
  events: string[];
}

/** One attempt and what follows from it. Key: delivery id. */
export interface Attempted {
  /** UUIDv8. */
  delivery_id: string;
  /** UUID. */
  event_id: string;
  /** UUID. */
  webhook_id: string;
  /** Event name. */
  event: string;
  /** When the event was accepted, ms since 1970. */
  accepted_at_ms: number;
  /** From 1. */
  attempt: number;
  /** From 1. */
  schedule_attempt: number;
  /** What asked for this attempt. */
  trigger: Trigger;
  /** ms since 1970. */
  started_at_ms: number;
  /** From the first DNS query to the last body byte or the error. */
  duration_ms: number;
  /** What the result means. */
  outcome: Outcome;
  /** HTTP status; absent when no answer came. */
  status_code?: null | number;
  /** dns, refused, reset, tls, timeout, …; absent when an answer came. */
  error_class?: null | string;
  /** dns, connect, tls, send, headers or body. */
  error_phase?: null | string;
  /** For a person. */
  error_message?: null | string;
  /** Duration of each phase that took place: dns, connect, tls, headers, body. */
  phases_ms: Record<string, number>;
  /** Address and port that was dialled. */
  remote_address?: null | string;
  /** Where it was posted. */
  url: string;
  /** As sent. */
  request_headers: Record<string, string>;
  /** As received; repeated ones joined by comma. */
  response_headers: Record<string, string>;
  /** First 16 KiB. */
  response_body?: null | Buffer;
  /** True when more came than was kept. */
  response_truncated: boolean;
  /** What happens next. */
  next_step: NextStep;
  /** When the next attempt is due; absent when there is none. */
  next_attempt_at_ms?: null | number;
  /** Why the delivery failed; set with next_step failed. */
  failure_reason?: null | string;
  /** When the redelivery or replay that this belongs to was asked for, ms since 1970; absent: nobody asked again. */
  redelivered_at_ms?: null | number;
}

/** What asked for the delivery. */
export type Trigger = 'event' | 'redelivery' | 'replay' | 'ping';

/** What the result means. */
export type Outcome = 'delivered' | 'retryable' | 'rejected';

/** What happens next. */
export type NextStep = 'done' | 'immediate_retry' | 'retry' | 'failed';

/** A delivery was ended without an attempt. Key: delivery id. */
export interface Cancelled {
  /** UUIDv8. */
  delivery_id: string;
  /** UUID. */
  event_id: string;
  /** UUID. */
  webhook_id: string;
  /** Event name. */
  event: string;
  /** When the event was accepted, ms since 1970. */
  accepted_at_ms: number;
  /** The attempt that is not made. */
  attempt: number;
  /** ms since 1970. */
  cancelled_at_ms: number;
  /** webhook_deleted or webhook_inactive. */
  reason: string;
  /** When the redelivery or replay that this belongs to was asked for, ms since 1970; absent: nobody asked again. */
  redelivered_at_ms?: null | number;
}

/** A delivery will not be tried again by itself. Key: delivery id. */
export interface DeadLettered {
  /** UUIDv8. */
  delivery_id: string;
  /** UUID. */
  event_id: string;
  /** UUID. */
  webhook_id: string;
  /** Event name. */
  event: string;
  /** When the event was accepted, ms since 1970. */
  accepted_at_ms: number;
  /** The last attempt made. */
  attempt: number;
  /** ms since 1970. */
  dead_lettered_at_ms: number;
  /** Why. */
  reason: string;
  /** When the redelivery or replay that this belongs to was asked for, ms since 1970; absent: nobody asked again. */
  redelivered_at_ms?: null | number;
}

/** A delivery was put off without an attempt. Key: delivery id. */
export interface Deferred {
  /** UUIDv8. */
  delivery_id: string;
  /** UUID. */
  event_id: string;
  /** UUID. */
  webhook_id: string;
  /** Event name. */
  event: string;
  /** When the event was accepted, ms since 1970. */
  accepted_at_ms: number;
  /** The attempt that waits. */
  attempt: number;
  /** From 1. */
  deferrals: number;
  /** ms since 1970. */
  deferred_at_ms: number;
  /** When it comes back, ms since 1970. */
  not_before_ms: number;
  /** busy, rate_limited or circuit_open; put_back: it was lost and found by the audit. */
  reason: string;
  /** When the redelivery or replay that this belongs to was asked for, ms since 1970; absent: nobody asked again. */
  redelivered_at_ms?: null | number;
}

/** One event for one webhook, with the next attempt to make. Key of the record: webhook id. */
export interface Delivery {
  /** UUIDv8, the same on every attempt. */
  delivery_id: string;
  /** UUID. */
  event_id: string;
  /** UUID. */
  webhook_id: string;
  /** Event name. */
  event: string;
  /** When the event was accepted, ms since 1970. */
  accepted_at_ms: number;
  /** The bytes that are signed and sent. */
  body: Buffer;
  /** Number of the attempt to make, from 1; goes on counting through redeliveries. */
  attempt: number;
  /** Place of that attempt in the retry schedule, from 1; a redelivery starts anew at 1. */
  schedule_attempt: number;
  /** Times it was put off without an attempt. */
  deferrals: number;
  /** Earliest time of the attempt, ms since 1970; absent: now. */
  not_before_ms?: null | number;
  /** When the first attempt of this schedule began; absent before it. */
  first_attempt_at_ms?: null | number;
  /** What asked for this attempt. */
  trigger: Trigger;
  /** When the redelivery or replay that this belongs to was asked for, ms since 1970; absent: nobody asked again. */
  redelivered_at_ms?: null | number;
}

/** A delivery that may have an attempt waiting was asked for again: attempts that were asked for earlier are not made. Key of the record: delivery id. */
export interface Redelivery {
  /** UUIDv8. */
  delivery_id: string;
  /** When it was asked for, ms since 1970; a lower one never replaces a higher one. */
  redelivered_at_ms: number;
}

/** An event was matched against all webhooks. Written once per event, also when nothing matched. Key: event id. */
export interface Routed {
  /** UUID. */
  event_id: string;
  /** Event name. */
  event: string;
  /** ms since 1970. */
  accepted_at_ms: number;
  /** ms since 1970. */
  routed_at_ms: number;
  /** Absent for a ping of an owner's webhook. */
  repository_id?: null | number;
  /** Owner and name. */
  repository_full_name?: null | string;
  /** What asked for the deliveries. */
  trigger: Trigger;
  /** The body that every delivery of the event carries. */
  body: Buffer;
  /** The matches; perhaps none. */
  deliveries: RoutedDelivery[];
}

/** One match. */
export interface RoutedDelivery {
  /** UUIDv8. */
  delivery_id: string;
  /** UUID. */
  webhook_id: string;
}

/** A webhook as it is now. Key of the record: webhook id; a tombstone means it was deleted. */
export interface WebhookSnapshot {
  /** UUID. */
  webhook_id: string;
  /** Counts up by one with every change; a lower one never replaces a higher one. */
  version: number;
  /** Set for a webhook of one repository. */
  repository_id?: null | number;
  /** Set for a webhook of all repositories of an owner; lower case. */
  owner_login?: null | string;
  /** Where deliveries are posted. */
  url: string;
  /** Event names, group.* or *. */
  events: string[];
  /** False: no deliveries. */
  active: boolean;
  /** Why the service itself turned it off; absent when a user did or it is active. */
  disabled_reason?: null | string;
  /** Current secret first, then rotated ones that still sign. */
  secrets: SealedSecret[];
  /** 4xx codes that count as retryable. */
  retry_statuses: number[];
  /** Requests in flight at most; absent: the default. */
  max_concurrency?: null | number;
  /** Requests a second at most; absent: no limit. */
  rate_limit_per_second?: null | number;
  /** ms since 1970. */
  created_at_ms: number;
  /** ms since 1970. */
  updated_at_ms: number;
  /** When it was last switched off, ms since 1970; absent: never. What was attempted before is not tried again. */
  deactivated_at_ms?: null | number;
  /** Sent on each attempt before ours; absent: none. */
  headers?: null | SealedHeader[];
  /** Ed25519 private keys that sign too, encrypted as secrets are, the current one first; absent: none. */
  signing_keys?: null | SealedSecret[];
  /** True: attempts carry the context of their trace; absent: they do not. */
  send_traceparent?: null | boolean;
}

/** A secret that signs, encrypted. */
export interface SealedSecret {
  /** Key id, nonce, ciphertext and tag; the webhook id is the associated data. */
  sealed: string;
  /** Signs until then, ms since 1970; absent for the current one. */
  expires_at_ms?: null | number;
}

/** A header that the webhook's owner has put on each request. */
export interface SealedHeader {
  /** As given. */
  name: string;
  /** The value, encrypted as secrets are. */
  sealed: string;
}

/** The record of each event type. */
export interface EventRecords {
  'branch.created': BranchCreated;
  'branch.deleted': BranchDeleted;
  'lock.acquired': LockAcquired;
  'member.added': MemberAdded;
  'member.removed': MemberRemoved;
  push: Push;
  'push.force': PushForce;
  'push.tag': PushTag;
  'repo.created': RepoCreated;
  'repo.deleted': RepoDeleted;
  'repo.transferred': RepoTransferred;
  'repo.updated': RepoUpdated;
  'tag.created': TagCreated;
}

/** Name of an event type this build knows. */
export type EventName = keyof EventRecords;
