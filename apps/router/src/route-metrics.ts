import { counter, histogram } from '@dits/runtime';

export const eventsRouted = counter({
  name: 'dits_events_routed_total',
  help: 'Events matched against all webhooks, whether or not one matched.',
  labelNames: ['event'],
});

export const deliveriesCreated = counter({
  name: 'dits_deliveries_created_total',
  help: 'Deliveries made by matching, one per event and matching webhook.',
  labelNames: ['event'],
});

export const eventsRepeated = counter({
  name: 'dits_events_repeated_total',
  help: 'Event records skipped because the same event_id was routed shortly before.',
});

export const acceptToRoutedSeconds = histogram({
  name: 'dits_accept_to_routed_seconds',
  help: 'From the acceptance of an event to its deliveries being durable.',
});
