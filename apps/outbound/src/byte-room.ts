/** Bounds bytes held at once. */
export interface ByteRoom {
  /** Resolves, in order of asking, once there is room, to the function that gives it back. What is bigger than the room gets all of it. */
  take(sizeBytes: number): Promise<() => void>;
}

interface Waiting {
  readonly sizeBytes: number;
  readonly enter: () => void;
}

/** An empty room of that many bytes. */
export function createByteRoom(maxBytes: number): ByteRoom {
  const waiting: Waiting[] = [];
  let freeBytes = maxBytes;
  // Strictly in order: small ones passing by would keep a big one waiting for ever.
  function admit(): void {
    for (let next = waiting[0]; next !== undefined && next.sizeBytes <= freeBytes; next = waiting[0]) {
      waiting.shift();
      freeBytes -= next.sizeBytes;
      next.enter();
    }
  }
  return {
    async take(wantedBytes) {
      const sizeBytes = Math.min(wantedBytes, maxBytes);
      await new Promise<void>((enter) => {
        waiting.push({ sizeBytes, enter });
        admit();
      });
      return () => {
        freeBytes += sizeBytes;
        admit();
      };
    },
  };
}
