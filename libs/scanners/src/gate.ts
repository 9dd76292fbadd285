/** A bound on how many calls a scanner gets at once; the rest wait in a line that is bounded too. */
export interface Gate {
  /** A place, given back by calling it; undefined when the line is full or the signal came first. */
  enter(signal: AbortSignal): Promise<(() => void) | undefined>;
}

/** `places`: calls at once; `waitersMax`: calls that wait for one. */
export function createGate(places: number, waitersMax: number): Gate {
  let free = places;
  const line: (() => void)[] = [];
  const leave = (): void => {
    const next = line.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const leaveOnce = (): (() => void) => {
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
  return {
    async enter(signal) {
      if (signal.aborted) return undefined;
      if (free > 0) {
        free -= 1;
        return leaveOnce();
      }
      if (line.length >= waitersMax) return undefined;
      return new Promise((resolve) => {
        const admit = (): void => {
          signal.removeEventListener("abort", giveUp);
          resolve(leaveOnce());
        };
        const giveUp = (): void => {
          line.splice(line.indexOf(admit), 1);
          resolve(undefined);
        };
        line.push(admit);
        signal.addEventListener("abort", giveUp, { once: true });
      });
    },
  };
}
