import type { MessageHeld } from "@mailfold/events";
import { type MessagePreview, MimeBudgetExceeded } from "@mailfold/mime";
import { type HeldCopy, statusAt } from "@mailfold/projection-quarantine";
import type { OperationDeps } from "../ports.ts";
import { loadEvent } from "./find-event.ts";

/** Octets of a message that a preview looks at: its text, and the names of what comes early. */
const bytesMax = 4_194_304;

/** A look at a copy while it is held; undefined when its content is gone or takes too long to read. */
export async function previewHeld(
  { journal, mime, clock, log }: Pick<OperationDeps, "journal" | "mime" | "clock" | "log">,
  copy: HeldCopy,
): Promise<MessagePreview | undefined> {
  if (statusAt(copy, clock.now()) !== "held") return undefined;
  const event = await loadEvent(journal.events, copy);
  const held = event?.data as MessageHeld["data"] | undefined;
  if (event?.type !== "MessageHeld" || held?.holdId !== copy.holdId) return undefined;
  const { body, prefix } = held;
  const bytes = await journal.bodies.readRange(body, 0, Math.min(body.sizeBytes, bytesMax));
  if (bytes === undefined) return undefined;
  try {
    const preview = await mime.preview(Buffer.concat([Buffer.from(prefix, "utf8"), bytes]));
    return body.sizeBytes > bytesMax ? { ...preview, truncated: true } : preview;
  } catch (error) {
    if (!(error instanceof MimeBudgetExceeded)) throw error;
    log.warn({ err: error, holdId: copy.holdId }, "a held copy takes too long to preview");
    return undefined;
  }
}
