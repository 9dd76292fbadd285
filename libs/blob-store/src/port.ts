import type { BodyRef } from "@mailfold/events";

/** A body that fails its SHA-256 on read: never served, always reported. */
export class BodyCorrupt extends Error {
  constructor(ref: BodyRef) {
    super(`body ${ref.tenantId}/${ref.sha256} does not match its hash`);
    this.name = "BodyCorrupt";
  }
}

/**
 * Message bodies by tenant + SHA-256. Held by streams: a body is freed when no stream refers to it and its grace
 * period is over. The MIME index (libs/mime, JSON text) is kept beside it.
 */
export interface BlobStore {
  /** Whole body, verified. Undefined when missing. */
  read(ref: BodyRef): Promise<Uint8Array | undefined>;
  /** Bytes [start, end) without verification of the whole, streamed by the caller in pieces. */
  readRange(ref: BodyRef, start: number, end: number): Promise<Uint8Array | undefined>;
  /** Durable when resolved. Idempotent. Adapters inside the journal's file write through Journal.commit instead. */
  write(ref: BodyRef, bytes: Uint8Array): Promise<void>;
  readIndex(ref: BodyRef): Promise<string | undefined>;
  writeIndex(ref: BodyRef, index: string): Promise<void>;
  /**
   * Replaces what a stream holds by exactly these; the difference is released. `upToRevision`: the stream's revision
   * that the refs were computed from; an adapter that knows when a hold was made keeps those of later commits.
   */
  setHeld(stream: string, refs: readonly BodyRef[], options?: { readonly upToRevision?: number }): Promise<void>;
  /**
   * Adds to what a stream holds. Present in stores whose bodies are not written in the log's own transaction: a cluster's
   * commit and fan-out hold a body before any event names it.
   */
  hold?(stream: string, refs: readonly BodyRef[]): Promise<void>;
  /** Frees bodies held by no stream for longer than the grace period. Answers how many and how many bytes. */
  free(graceMs: number): Promise<{ readonly bodies: number; readonly bytes: number }>;
  close(): Promise<void>;
}
