import type { BlobStore } from "../../../libs/blob-store/src/index.ts";
import type { BodyRef } from "../../../libs/events/src/index.ts";

/** Bodies in memory with holds that can be added: for tests of the cluster journal. */
export function openMemoryBodies(): BlobStore & { readonly holders: ReadonlyMap<string, ReadonlySet<string>> } {
  const bodies = new Map<string, Uint8Array>();
  const indexes = new Map<string, string>();
  const holders = new Map<string, Set<string>>();
  const name = (ref: BodyRef) => `${ref.tenantId}/${ref.sha256}`;
  return {
    holders,
    read: async (ref) => bodies.get(name(ref)),
    readRange: async (ref, start, end) => bodies.get(name(ref))?.subarray(start, end),
    write: async (ref, bytes) => void bodies.set(name(ref), bytes),
    readIndex: async (ref) => indexes.get(name(ref)),
    writeIndex: async (ref, index) => void indexes.set(name(ref), index),
    hold: async (stream, refs) => {
      const held = holders.get(stream) ?? new Set();
      for (const ref of refs) held.add(name(ref));
      holders.set(stream, held);
    },
    setHeld: async (stream, refs) => {
      if (refs.length === 0) holders.delete(stream);
      else holders.set(stream, new Set(refs.map(name)));
    },
    free: async () => {
      const held = new Set([...holders.values()].flatMap((names) => [...names]));
      const loose = [...bodies].filter(([key]) => !held.has(key));
      for (const [key] of loose) bodies.delete(key);
      return { bodies: loose.length, bytes: loose.reduce((sum, [, bytes]) => sum + bytes.length, 0) };
    },
    close: async () => undefined,
  };
}
