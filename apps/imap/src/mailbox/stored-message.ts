import type { BlobStore } from "@mailfold/blob-store";
import type { Turns } from "@mailfold/kernel";
import { headerEnd, type MimeIndex, type MimePool, readMimeIndex, withPrefix, writeMimeIndex } from "@mailfold/mime";
import type { FolderMessage } from "@mailfold/projection-folders";
import type { Shared } from "../session/shared.ts";
import type { IndexWrites } from "./index-writes.ts";
import { largeMessageBytes } from "./large-messages.ts";

/** The body is not in the store, or shorter than the delivery said. */
export class BodyMissing extends Error {
  constructor(message: FolderMessage) {
    super(`body ${message.body.tenantId}/${message.body.sha256} is missing`);
    this.name = "BodyMissing";
  }
}

/** Read at once and verified up to here; larger bodies are read piece by piece. */
const wholeBytesMax = 131_072;
const pieceBytes = 65_536;

/** A message as its readers see it: the delivery's prefix, then the body. Reads what is asked for, holds little. */
export class StoredMessage {
  readonly sizeBytes: number;
  readonly #message: FolderMessage;
  readonly #prefix: Buffer;
  readonly #bodies: BlobStore;
  readonly #mime: MimePool;
  readonly #indexWrites: IndexWrites;
  readonly #largeTurns: Turns;
  #whole: Buffer | undefined;
  #headerBytes: number | undefined;
  #index: MimeIndex | undefined;

  constructor(
    message: FolderMessage,
    { deps, indexWrites, largeTurns }: Pick<Shared, "deps" | "indexWrites" | "largeTurns">,
  ) {
    this.#message = message;
    this.#bodies = deps.journal.bodies;
    this.#mime = deps.mime;
    this.#indexWrites = indexWrites;
    this.#largeTurns = largeTurns;
    this.#prefix = Buffer.from(message.prefix, "utf8");
    this.sizeBytes = this.#prefix.length + message.body.sizeBytes;
  }

  /** Octets [start, end), at most one piece's worth at a time when the body is large. Throws BodyMissing. */
  async *pieces(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const piece = await this.read(at, Math.min(end, at + pieceBytes));
      yield piece;
      at += piece.length;
    }
  }

  /** Octets [start, end) in one buffer: for headers and other bounded parts. */
  async read(start: number, end: number): Promise<Buffer> {
    if (start >= end) return Buffer.alloc(0);
    if (this.#whole !== undefined) return this.#whole.subarray(start, end);
    const prefixLength = this.#prefix.length;
    const fromPrefix = this.#prefix.subarray(start, end);
    const bodyStart = Math.max(0, start - prefixLength);
    const bodyEnd = Math.max(0, end - prefixLength);
    if (bodyEnd <= bodyStart) return fromPrefix;
    const body = await this.#bodies.readRange(this.#message.body, bodyStart, bodyEnd);
    if (body === undefined || body.length !== bodyEnd - bodyStart) throw new BodyMissing(this.#message);
    return fromPrefix.length === 0 ? bufferOf(body) : Buffer.concat([fromPrefix, body]);
  }

  /** Loads a small message whole and verified, so that several sections cost one read. */
  async load(): Promise<void> {
    if (this.#whole === undefined && this.sizeBytes <= wholeBytesMax) this.#whole = await this.whole();
  }

  /** Everything, verified: for SEARCH and indexing. */
  async whole(): Promise<Buffer> {
    if (this.#whole !== undefined) return this.#whole;
    const body = await this.#bodies.read(this.#message.body);
    if (body === undefined || body.length !== this.#message.body.sizeBytes) throw new BodyMissing(this.#message);
    return this.#prefix.length === 0 ? bufferOf(body) : Buffer.concat([this.#prefix, body]);
  }

  /** Octets of the header with its blank line; the whole message when no blank line ends it. */
  async headerBytes(): Promise<number> {
    this.#headerBytes ??= await this.#findHeaderEnd();
    return this.#headerBytes;
  }

  async #findHeaderEnd(): Promise<number> {
    for (let window = 16_384; ; window *= 8) {
      const end = headerEnd(await this.read(0, Math.min(window, this.sizeBytes)));
      if (end !== undefined) return end;
      if (window >= this.sizeBytes) return this.sizeBytes;
    }
  }

  /** The structure, computed once per body and kept beside it. Throws MimeBudgetExceeded. */
  async index(): Promise<MimeIndex> {
    this.#index ??= withPrefix(await this.#bodyIndex(), this.#message.prefix);
    return this.#index;
  }

  async #bodyIndex(): Promise<MimeIndex> {
    const ref = this.#message.body;
    const stored = await this.#bodies.readIndex(ref);
    const known = stored === undefined ? undefined : readMimeIndex(stored);
    if (known !== undefined) return known;
    const compute = async () => this.#mime.index((await this.whole()).subarray(this.#prefix.length));
    const index = this.sizeBytes > largeMessageBytes ? await this.#largeTurns.run(compute) : await compute();
    await this.#indexWrites.keep(ref, writeMimeIndex(index));
    return index;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
