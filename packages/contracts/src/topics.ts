/** Names of all topics, by what they hold. */
export interface TopicNames {
  events: string;
  webhooks: string;
  deliveries: string;
  redeliveries: string;
  deliveryLog: string;
  deadLetters: string;
  /** The topic of a retry tier, by the tier's name (`15s`). */
  retry: (tier: string) => string;
}

/**
 * Names of the topics. A prefix (`blue.`) lets several installations, or tests, share a cluster without seeing
 * each other; it is put before every topic and every consumer group.
 */
export function topicNames(prefix = ''): TopicNames {
  return {
    events: `${prefix}dits.events`,
    webhooks: `${prefix}dits.webhooks`,
    deliveries: `${prefix}dits.deliveries`,
    redeliveries: `${prefix}dits.redeliveries`,
    deliveryLog: `${prefix}dits.delivery-log`,
    deadLetters: `${prefix}dits.dead-letters`,
    retry: (tier) => `${prefix}dits.deliveries.retry.${tier}`,
  };
}

/** Header of a record on a retry tier: when it is due, ms since 1970 as decimal text. */
export const NOT_BEFORE_HEADER = 'dits-not-before';

/**
 * Header of a record on `dits.events` that was put there once more because it was never routed: the router does not take it
 * for a repeat.
 */
export const ROUTE_AGAIN_HEADER = 'dits-route-again';

/** Consumer groups of the stages. */
export interface StageGroups {
  router: string;
  dispatcher: string;
  retrier: string;
  recorder: string;
}

/** Names of the groups, under a prefix as {@link topicNames} takes it. Who asks how far another stage has come needs its group's name. */
export function stageGroups(prefix = ''): StageGroups {
  return {
    router: `${prefix}dits-router`,
    dispatcher: `${prefix}dits-dispatcher`,
    retrier: `${prefix}dits-retrier`,
    recorder: `${prefix}dits-recorder`,
  };
}

/**
 * Header of a delivery that the router made: how far at least it had read `dits.webhooks`. A dispatcher that has read as far
 * knows every webhook that was registered, and every change that was confirmed, before the event was accepted.
 */
export const WEBHOOKS_MARK_HEADER = 'dits-webhooks-mark';

/**
 * Longest that a router, or a dispatcher of a first attempt, may go without asking how far `dits.webhooks` goes, ms. What was on it before
 * it knows.
 */
export const WEBHOOKS_MAX_AGE_MS = 50;

/**
 * How long after a change is on `dits.webhooks` the API confirms it, ms: longer than {@link WEBHOOKS_MAX_AGE_MS}, so that whatever
 * comes after the confirmation meets the change.
 */
export const WEBHOOKS_CONFIRM_AFTER_MS = 75;
