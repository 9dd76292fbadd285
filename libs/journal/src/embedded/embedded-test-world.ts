import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BodyRef, EventCodec } from "@mailfold/events";
import { journalEvent } from "../journal-contract.ts";
import type { CommitBody } from "../port.ts";
import type { EmbeddedJournal } from "./embedded-journal.ts";
import { openEmbeddedJournal } from "./embedded-journal.ts";
import { verifyData } from "./verify.ts";

export const codec: EventCodec = {
  encode: (_stream, { id, type, occurredAt, data, metadata }) => ({
    id,
    wireType: `${type}.v1`,
    occurredAt,
    data: JSON.stringify(data),
    metadata: JSON.stringify(metadata),
  }),
  decode: ({ wireType, data, metadata, ...rest }) => ({
    ...rest,
    type: wireType.slice(0, -3),
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
  }),
  wireTypes: (types) => types.map((type) => `${type}.v1`),
  nameOf: (wireType) => wireType.slice(0, -3),
};
export const clock = { time: Date.UTC(2026, 10, 24), now: () => clock.time };
export const dayMs = 86_400_000;
export const largeBytes = 300_000;

export const temporary = (): string => mkdtempSync(join(tmpdir(), "mailfold-journal-"));
export const open = (dataDir: string): Promise<EmbeddedJournal> => openEmbeddedJournal({ dataDir, codec, clock });

export function bodyOf(sizeBytes: number, tenantId = "ten_a"): CommitBody {
  const bytes = new Uint8Array(randomBytes(sizeBytes));
  return { ref: { tenantId, sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes }, bytes };
}

export const delivery = (stream: string, body: BodyRef) =>
  ({ stream, expected: "any", events: [journalEvent("MessageDelivered", { body })] }) as const;

export async function withData(work: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = temporary();
  try {
    await work(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

export async function withJournal(work: (journal: EmbeddedJournal, dataDir: string) => Promise<void>): Promise<void> {
  await withData(async (dataDir) => {
    const journal = await open(dataDir);
    try {
      await work(journal, dataDir);
    } finally {
      await journal.close();
    }
    // Consistent after every test, whatever it did.
    const { problems } = await verifyData(dataDir);
    assert.deepEqual(problems, []);
  });
}

export function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}
