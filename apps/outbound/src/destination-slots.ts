/** Bounds connections per destination; waiters queue in order, and hold only their own message up. */
export interface DestinationSlots {
  /** Resolves to the function that gives the slot back. */
  take(destination: string): Promise<() => void>;
}

interface Destination {
  inUse: number;
  readonly waiting: (() => void)[];
}

/** `perDestination` = most slots in use at once for one destination. */
export function createDestinationSlots(perDestination: number): DestinationSlots {
  const destinations = new Map<string, Destination>();
  function release(name: string, destination: Destination): void {
    const next = destination.waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    destination.inUse -= 1;
    if (destination.inUse === 0) destinations.delete(name);
  }
  return {
    take(name) {
      const destination = destinations.get(name) ?? { inUse: 0, waiting: [] };
      destinations.set(name, destination);
      const give = () => release(name, destination);
      if (destination.inUse < perDestination) {
        destination.inUse += 1;
        return Promise.resolve(give);
      }
      return new Promise((resolve) => destination.waiting.push(() => resolve(give)));
    },
  };
}
