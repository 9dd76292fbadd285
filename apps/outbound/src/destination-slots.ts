/** Bounds connections in all and per destination. Who waits for a busy destination holds no place that others could use. */
export interface DestinationSlots {
  /** Resolves, in order of asking, to the function that gives the slot back. */
  take(destination: string): Promise<() => void>;
}

interface Places {
  inUse: number;
  readonly waiting: (() => void)[];
}

/** Most slots in use at once: of one destination, and of all. */
export function createDestinationSlots(limits: {
  readonly perDestination: number;
  readonly total: number;
}): DestinationSlots {
  const destinations = new Map<string, Places>();
  const all: Places = { inUse: 0, waiting: [] };
  return {
    async take(name) {
      const own = destinations.get(name) ?? { inUse: 0, waiting: [] };
      destinations.set(name, own);
      await enter(own, limits.perDestination);
      // Only who has its destination's slot asks for a common one, so those places go to whoever can use them.
      await enter(all, limits.total);
      return () => {
        leave(all);
        leave(own);
        if (own.inUse === 0) destinations.delete(name);
      };
    },
  };
}

async function enter(places: Places, max: number): Promise<void> {
  if (places.inUse < max) places.inUse += 1;
  else await new Promise<void>((resolve) => places.waiting.push(resolve));
}

function leave(places: Places): void {
  const next = places.waiting.shift();
  if (next === undefined) places.inUse -= 1;
  else next();
}
