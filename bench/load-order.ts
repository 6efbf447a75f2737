/** What the load is to do. */
export interface LoadOrder {
  gateway: string;
  token: string;
  repositoryIds: number[];
  events: number;
  pace:
    | { kind: 'open'; ratePerSecond: number }
    /** `inFlight` requests at a time, of `batch` events each. */
    | { kind: 'closed'; inFlight: number; batch: number }
    /** Past the gateway, as a platform service with the publisher. */
    | { kind: 'kafka'; kafka: string; registry: string; topicPrefix: string };
}

/** One event, in ms since 1970 with fractions. */
export interface Post {
  eventId: string;
  sentAtMs: number;
  answeredAtMs: number;
  status: number;
}
