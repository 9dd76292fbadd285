import { type BodyRef, type MessageHeld, type MessageQueued, streams, type VerdictRecorded } from "@mailfold/events";
import { idFromUuid, kindOfId } from "@mailfold/ids";
import type { MailboxId, MessageId, Row, VerdictId } from "@mailfold/kernel";
import { type HeldCopy, statusAt } from "@mailfold/projection-quarantine";
import { type Caller, mayReach } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import { createVisibleDirectory } from "../visible-directory.ts";
import { loadEvent } from "./find-event.ts";
import { createHeldCopies } from "./held-copies.ts";
import { type VerdictRecord, verdictOfRow } from "./verdict-records.ts";
import { createVerdicts } from "./verdicts.ts";

/** A message whose content lies here, and how it came. */
export interface StoredMessage {
  /** As it came, without the trace fields of a delivery. */
  readonly body: BodyRef;
  readonly sender: string;
  readonly recipient: string;
  readonly direction: "inbound" | "outbound";
  readonly isHeld: boolean;
  /** libs/policy Facts of whatever engine version wrote them. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** `missing` = there is no such reference in the caller's subtree; `gone` = no content of it is kept. */
export type FoundMessage = StoredMessage | "missing" | "gone";

/** Recipients of one mail that are looked at until one has its content. */
const verdictsMax = 20;

type Deps = Pick<OperationDeps, "rows" | "journal" | "directory" | "clock" | "copiesOf">;
type Content = Pick<StoredMessage, "body" | "isHeld">;

/**
 * Finds the message behind a reference as users see it: `vrd_...` of a verdict, `hld_...` of a held copy, `msg_...` of a
 * 250. Looks at the delivered copy, the held one, then what is queued for elsewhere.
 */
export async function findStoredMessage(deps: Deps, caller: Caller, reference: string): Promise<FoundMessage> {
  switch (kindOfId(reference)) {
    case "hold":
      return findHeld(deps, caller, reference);
    case "verdict": {
      const verdict = createVerdicts(deps.rows, deps.journal.events, caller).find(reference);
      return verdict === undefined ? "missing" : ofVerdict(deps, caller, verdict);
    }
    case "message":
      return findMail(deps, caller, reference);
    default:
      return "missing";
  }
}

async function findHeld(deps: Deps, caller: Caller, id: string): Promise<FoundMessage> {
  const copy = createHeldCopies(deps.rows, caller).find(id);
  if (copy === undefined) return "missing";
  const held = await heldData(deps, copy);
  if (held === undefined) return "gone";
  const { body, sender, recipient, facts } = held;
  return { body, sender, recipient, facts, direction: "inbound", isHeld: true };
}

async function heldData({ journal, clock }: Deps, copy: HeldCopy): Promise<MessageHeld["data"] | undefined> {
  if (statusAt(copy, clock.now()) !== "held") return undefined;
  const event = await loadEvent(journal.events, copy);
  const held = event?.data as MessageHeld["data"] | undefined;
  return event?.type === "MessageHeld" && held?.holdId === copy.holdId ? held : undefined;
}

async function findMail(deps: Deps, caller: Caller, transactionId: string): Promise<FoundMessage> {
  const rows = await createVerdicts(deps.rows, deps.journal.events, caller).ofTransaction("verdicts", transactionId);
  if (rows.length === 0) return "missing";
  for (const row of rows.slice(0, verdictsMax)) {
    const found = await ofVerdict(deps, caller, verdictOfRow(row));
    if (typeof found === "object") return found;
  }
  return "gone";
}

async function ofVerdict(deps: Deps, caller: Caller, verdict: VerdictRecord): Promise<FoundMessage> {
  const event = await loadEvent(deps.journal.events, verdict);
  const data = event?.data as VerdictRecorded["data"] | undefined;
  if (event?.type !== "VerdictRecorded" || data?.verdictId !== verdict.verdictId) return "gone";
  const { facts } = data;
  const content = await contentOf(deps, caller, verdict);
  if (content === undefined) return "gone";
  const { sender, recipient } = verdict;
  const direction = foundKind(facts) === "foreign" ? "outbound" : "inbound";
  return { ...content, sender: sender ?? "", recipient: recipient ?? "", facts, direction };
}

function foundKind(facts: StoredMessage["facts"]): unknown {
  const recipient = facts.recipient as { readonly found?: { readonly kind?: unknown } } | undefined;
  return recipient?.found?.kind;
}

async function contentOf(deps: Deps, caller: Caller, verdict: VerdictRecord): Promise<Content | undefined> {
  const { transactionId, verdictId } = verdict;
  const verdicts = createVerdicts(deps.rows, deps.journal.events, caller);
  const own = (row: Row) => row.verdictId === verdictId;
  const steps = await verdicts.ofTransaction("steps", transactionId);
  const view = createVisibleDirectory(deps.directory, caller);
  for (const { mailboxId } of steps.filter((step) => step.kind === "delivered" && own(step))) {
    const mailbox = view.mailbox(String(mailboxId));
    if (mailbox === undefined || mailbox.status === "deleted") continue;
    const [copy] = await deps.copiesOf(mailboxId as MailboxId, verdictId as VerdictId);
    if (copy !== undefined) return { body: copy.body, isHeld: false };
  }
  for (const hold of (await verdicts.ofTransaction("holds", transactionId)).filter(own)) {
    const copy = createHeldCopies(deps.rows, caller).find(idFromUuid("hold", String(hold.holdId)));
    const held = copy === undefined ? undefined : await heldData(deps, copy);
    if (held !== undefined) return { body: held.body, isHeld: true };
  }
  const queued = steps.filter((step) => step.kind === "queued");
  const ids = new Set(queued.map((step) => String(step.messageId)));
  for (const id of [...ids].slice(0, verdictsMax)) {
    const body = await queuedBody(deps, caller, { messageId: id as MessageId, verdict });
    if (body !== undefined) return { body, isHeld: false };
  }
  return undefined;
}

/** The body of a message on its way out, unless it is a bounce: that is another message. */
async function queuedBody(
  { journal }: Deps,
  caller: Caller,
  of: { readonly messageId: MessageId; readonly verdict: VerdictRecord },
): Promise<BodyRef | undefined> {
  const event = await loadEvent(journal.events, { stream: streams.outbound(of.messageId), revision: 0 });
  if (event?.type !== "MessageQueued" || !mayReach(caller, event.metadata)) return undefined;
  const { sender, body } = event.data as MessageQueued["data"];
  const isBounce = sender === "" && of.verdict.sender !== "";
  return isBounce ? undefined : body;
}
