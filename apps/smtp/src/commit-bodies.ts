import { createHash } from "node:crypto";
import type { BodyRef } from "@mailfold/events";
import type { CommitBody } from "@mailfold/journal";
import { tagSubject } from "./content/tag-subject.ts";

interface StoredBytes {
  readonly bytes: Buffer;
  readonly sha256: string;
  /** The tenant that keeps them already. */
  readonly storedFor?: string;
}

/** The bodies of one commit: each tenant's once, and once more for each subject tag that somebody asks for. */
export class CommitBodies {
  readonly holds: { readonly stream: string; readonly ref: BodyRef }[] = [];
  private readonly original: StoredBytes;
  private readonly tagged = new Map<string, StoredBytes>();
  private readonly kept = new Map<string, CommitBody>();

  constructor(original: StoredBytes) {
    this.original = original;
  }

  /** Bodies to be written. */
  get all(): readonly CommitBody[] {
    const { storedFor, sha256 } = this.original;
    return [...this.kept.values()].filter(({ ref }) => ref.tenantId !== storedFor || ref.sha256 !== sha256);
  }

  /** The body as `tenantId` keeps it, held by `stream`. */
  of(tenantId: string, stream: string, tag?: string): BodyRef {
    const { bytes, sha256 } = tag === undefined ? this.original : this.withTag(tag);
    const key = `${tenantId} ${sha256}`;
    const body = this.kept.get(key) ?? { ref: { tenantId, sha256, sizeBytes: bytes.length }, bytes };
    this.kept.set(key, body);
    this.holds.push({ stream, ref: body.ref });
    return body.ref;
  }

  private withTag(tag: string): StoredBytes {
    const known = this.tagged.get(tag);
    if (known !== undefined) return known;
    const bytes = tagSubject(this.original.bytes, tag);
    const made = bytes === this.original.bytes ? this.original : { bytes, sha256: sha256Of(bytes) };
    this.tagged.set(tag, made);
    return made;
  }
}

/** SHA-256 of a body, hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
