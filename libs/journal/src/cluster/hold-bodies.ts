import type { BlobStore } from "@mailfold/blob-store";
import type { BodyRef } from "@mailfold/events";

/**
 * Adds to what a stream holds. A store that can only replace a stream's holds gets one holder for each body: it is never
 * freed too early, and only as late as that holder is released.
 */
export async function hold(bodies: BlobStore, stream: string, refs: readonly BodyRef[]): Promise<void> {
  if (refs.length === 0) return;
  if (bodies.hold) return bodies.hold(stream, refs);
  for (const ref of refs) await bodies.setHeld(`${stream}.${ref.sha256}`, [ref]);
}

/** Lets go of what `hold` held for a stream that holds nothing else. */
export async function release(bodies: BlobStore, stream: string, refs: readonly BodyRef[]): Promise<void> {
  if (refs.length === 0) return;
  if (bodies.hold) return bodies.setHeld(stream, []);
  for (const ref of refs) await bodies.setHeld(`${stream}.${ref.sha256}`, []);
}
