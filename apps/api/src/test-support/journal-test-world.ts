import type { EventStore } from "@mailfold/event-store";
import type { BodyRef } from "@mailfold/events";
import type { Commit, Journal } from "@mailfold/journal";

/** Bodies in memory, by tenant and hash, and which stream holds which. */
export interface MemoryBodies {
  readonly bytes: Map<string, Uint8Array>;
  readonly held: Map<string, Set<string>>;
}

const nameOf = (ref: BodyRef) => `${ref.tenantId}/${ref.sha256}`;

export function memoryBodies(): MemoryBodies {
  return { bytes: new Map(), held: new Map() };
}

/** A journal over a log and bodies in memory: a commit holds its bodies only when its events were written. */
export function journalOver(events: EventStore, { bytes, held }: MemoryBodies): Journal {
  const journal = {
    events,
    bodies: {
      readRange: async (ref: BodyRef, start: number, end: number) => bytes.get(nameOf(ref))?.subarray(start, end),
      setHeld: async (stream: string, refs: readonly BodyRef[]) => void held.set(stream, new Set(refs.map(nameOf))),
    },
    async commit({ appends, bodies = [], holds = [] }: Commit) {
      const result = await events.append(appends);
      if (!result.ok) return result;
      for (const body of bodies) bytes.set(nameOf(body.ref), body.bytes);
      for (const { stream, ref } of holds) held.set(stream, new Set(held.get(stream)).add(nameOf(ref)));
      return result;
    },
  };
  return journal as unknown as Journal;
}
