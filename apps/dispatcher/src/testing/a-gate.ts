import { DeliveryGate } from '../delivery-gate.js';

/** A gate with the usual bounds, and a clock that stands still. */
export function aGate(
  o: { maxInFlight?: number; failuresToOpen?: number; now?: () => number } = {},
): DeliveryGate {
  const { maxInFlight = 1_000, failuresToOpen = 5, now = () => 0 } = o;
  return new DeliveryGate({
    maxInFlight,
    maxWaitMs: 2_000,
    maxRateWaitMs: 15_000,
    circuit: { failuresToOpen, openMs: 15_000, maxOpenMs: 240_000 },
    now,
  });
}
