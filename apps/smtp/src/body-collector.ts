import { createHash, type Hash, hash } from "node:crypto";
import type { MessageSink } from "./message-reader.ts";

/** Octets that all sessions together may hold of messages not yet committed. */
export class ByteBudget {
  private used = 0;
  private readonly maxBytes: number;
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }
  take(bytes: number): boolean {
    if (this.used + bytes > this.maxBytes) return false;
    this.used += bytes;
    return true;
  }
  give(bytes: number): void {
    this.used -= bytes;
  }
  get usedBytes(): number {
    return this.used;
  }
}

// Below this one call hashes faster than a stream does; above it hashing while octets arrive avoids a long stall at the end.
const hashWhileReadingBytes = 64 * 1024;

/** Keeps one message in memory within a size limit and the shared budget; beyond either it only counts. */
export class BodyCollector implements MessageSink {
  sizeBytes = 0;
  overLimit = false;
  overBudget = false;
  private pieces: Buffer[] = [];
  private heldBytes = 0;
  private hash: Hash | undefined;
  private readonly limitBytes: number;
  private readonly budget: ByteBudget;

  constructor(limitBytes: number, budget: ByteBudget) {
    this.limitBytes = limitBytes;
    this.budget = budget;
  }

  push(piece: Buffer): void {
    this.sizeBytes += piece.length;
    if (this.overLimit || this.overBudget) return;
    if (this.sizeBytes > this.limitBytes) this.overLimit = true;
    else if (!this.budget.take(piece.length)) this.overBudget = true;
    if (this.overLimit || this.overBudget) {
      this.release();
      return;
    }
    this.heldBytes += piece.length;
    this.pieces.push(piece);
    if (this.hash !== undefined) this.hash.update(piece);
    else if (this.heldBytes > hashWhileReadingBytes) {
      this.hash = createHash("sha256");
      for (const held of this.pieces) this.hash.update(held);
    }
  }

  /** The whole message and its SHA-256 (hex); call once, and only when neither over limit nor over budget. */
  finish(): { readonly bytes: Buffer; readonly sha256: string } {
    const [only] = this.pieces;
    const bytes = this.pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.pieces, this.heldBytes);
    this.pieces = [bytes];
    return { bytes, sha256: this.hash?.digest("hex") ?? hash("sha256", bytes, "hex") };
  }

  /** Gives the memory back to the budget; safe to call again. */
  release(): void {
    this.budget.give(this.heldBytes);
    this.heldBytes = 0;
    this.pieces = [];
    this.hash = undefined;
  }
}
