import { type MessageDelivered, type MessageHeld, type MessageMarked, messageKeyOf, streams } from "@mailfold/events";
import type { Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import type { MailboxRecord } from "@mailfold/projection-directory";
import type { HeldCopy } from "@mailfold/projection-quarantine";
import type { Caller } from "../caller.ts";
import { createHeldCopies } from "../records/held-copies.ts";
import { heldMessage, type ReleaseTarget } from "./held-message.ts";
import type { QuarantineDeleteInput, QuarantineReleaseInput } from "./operation-inputs.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, notFound, type OperationOutcome, type OperationReceipt } from "./operation-outcome.ts";
import type { HeldCopyResult, Operations } from "./operations.ts";
import type { SenderEntryRecord } from "./policy-records.ts";
import type { Load, Plan, PlannedWrite } from "./run-command.ts";
import { decideOn, planOf } from "./single-stream.ts";

type QuarantineOperations = Pick<Operations, "quarantineRelease" | "quarantineDelete">;
type HeldData = MessageHeld["data"];
type AcceptSender = Operations["senderEntryAdd"];

const idsMax = 100;
/** Copies ended at the same time: each waits for its own commit and for the views. */
const atOnce = 10;

/** What admins do with held copies. Each copy is a command of its own: one commandId counts for each of them. */
export function createQuarantineOperations(kit: OperationKit, acceptSender: AcceptSender): QuarantineOperations {
  return {
    quarantineRelease(caller, input) {
      const accepted = new Map<string, Promise<OperationOutcome<SenderEntryRecord>>>();
      const accept = (copy: HeldCopy) => {
        const key = `${copy.mailboxId} ${copy.sender}`;
        const known = accepted.get(key) ?? acceptSenderOf(acceptSender, caller, copy, input);
        accepted.set(key, known);
        return known;
      };
      return each(input, (id) => releaseOne(kit, caller, { id, input, accept }));
    },
    quarantineDelete: (caller, input) => each(input, (id) => endOne(kit, caller, { id, input, operation: "Delete" })),
  };
}

/** One command of the batch. */
interface OneEnd {
  readonly id: string;
  readonly input: QuarantineReleaseInput | QuarantineDeleteInput;
  readonly operation: "Release" | "Delete";
}

interface EndedCopy {
  readonly result: HeldCopyResult;
  readonly receipt?: OperationReceipt;
}

async function each(
  input: QuarantineDeleteInput,
  end: (id: string) => Promise<EndedCopy | OperationOutcome<never>>,
): Promise<OperationOutcome<readonly HeldCopyResult[]>> {
  const ids = [...new Set(input.ids)];
  if (ids.length === 0 || ids.length > idsMax) return invalidInput(`ids has 1 to ${idsMax} members.`, "ids");
  const results: (EndedCopy | OperationOutcome<never>)[] = [];
  const left = ids.entries();
  const lane = async () => {
    for (const [index, id] of left) results[index] = await end(id);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, lane));
  const ended: EndedCopy[] = [];
  for (const result of results) {
    // Bad input of the whole: the same for every copy.
    if ("errors" in result) return result;
    ended.push(result);
  }
  const receipts = ended.flatMap(({ receipt }) => receipt ?? []);
  const value = ended.map(({ result }) => result);
  return receipts.length === 0 ? { value, errors: [] } : { value, errors: [], receipt: joined(receipts) };
}

/** One receipt for all: a view that has passed its position shows every copy. */
function joined(receipts: readonly OperationReceipt[]): OperationReceipt {
  const positions = receipts.map(({ position }) => position).sort();
  return {
    position: positions.at(-1) as Position,
    events: receipts.flatMap(({ events }) => events),
    replayed: receipts.every(({ replayed }) => replayed),
    dryRun: receipts.every(({ dryRun }) => dryRun),
    lagging: receipts.some(({ lagging }) => lagging),
  };
}

/** Naming a place for the entry asks for one. */
function acceptsSender({ acceptSender, acceptScope }: QuarantineReleaseInput): boolean {
  return acceptSender ?? (acceptScope !== null && acceptScope !== undefined);
}

async function releaseOne(
  kit: OperationKit,
  caller: Caller,
  one: {
    readonly id: string;
    readonly input: QuarantineReleaseInput;
    readonly accept: (copy: HeldCopy) => Promise<OperationOutcome<SenderEntryRecord>>;
  },
): Promise<EndedCopy | OperationOutcome<never>> {
  const { id, input, accept } = one;
  const end = { id, input, operation: "Release" } as const;
  if (!acceptsSender(input)) return endOne(kit, caller, end);
  // Nothing is accepted for a copy that cannot be released, and nothing is released whose sender cannot be accepted.
  const tried = await endOne(kit, caller, { ...end, input: { ...input, dryRun: true } });
  const copy = "errors" in tried ? undefined : tried.result.entry;
  if ("errors" in tried || copy === undefined) return tried;
  const accepted = await accept(copy);
  if (accepted.errors.length > 0) {
    const errors = accepted.errors.map(({ path: _path, ...error }) => ({ ...error, path: ["acceptSender"] }));
    return { result: { id, errors } };
  }
  const ended = input.dryRun === true ? tried : await endOne(kit, caller, end);
  if ("errors" in ended || accepted.value === undefined) return ended;
  return { ...ended, result: { ...ended.result, accepted: accepted.value } };
}

async function acceptSenderOf(
  acceptSender: AcceptSender,
  caller: Caller,
  copy: HeldCopy,
  { acceptScope, dryRun }: QuarantineReleaseInput,
): Promise<OperationOutcome<SenderEntryRecord>> {
  if (copy.sender === "") return invalidInput("A bounce has no sender to accept.", "acceptSender");
  return acceptSender(caller, {
    scope: acceptScope ?? { mailboxId: copy.mailboxId },
    list: "accept",
    pattern: copy.sender,
    dryRun,
  });
}

async function endOne(
  kit: OperationKit,
  caller: Caller,
  { id, input, operation }: OneEnd,
): Promise<EndedCopy | OperationOutcome<never>> {
  let found: HeldCopy | undefined;
  const outcome = await kit.execute<QuarantineDeleteInput, HeldCopy>({
    caller,
    // The copy is part of what makes the command: a batch that is sent again finds each copy as it left it.
    operation: `quarantine${operation} ${id}`,
    input: { ...input, ids: [id] },
    prepare() {
      const copy = createHeldCopies(kit.deps.rows, caller).find(id);
      if (copy === undefined) return notFound("ids");
      found = copy;
      return prepareEnd(kit, copy, { operation, rescues: operation === "Release" && acceptsSender(input) });
    },
  });
  const bad = outcome.errors.find(({ code, path }) => code === "INVALID_INPUT" && path?.[0] === "commandId");
  if (bad !== undefined) return { errors: [bad] };
  const { value: entry, receipt, errors } = outcome;
  if (found !== undefined && receipt !== undefined && !receipt.dryRun) await letGo(kit, found);
  const result = { id, errors, ...(entry === undefined ? {} : { entry }) };
  return { result, ...(receipt === undefined ? {} : { receipt }) };
}

/** `rescues`: the sender is accepted with it, which says that the message was no spam. */
function prepareEnd(
  kit: OperationKit,
  copy: HeldCopy,
  { operation, rescues }: { readonly operation: OneEnd["operation"]; readonly rescues: boolean },
) {
  const { stream, holdId, tenantId, resellerId, mailboxId, transactionId } = copy;
  const decider = heldMessage(holdId);
  const mail = streams.mail(mailboxId);
  const marks = streams.messageMark(tenantId as TenantId, transactionId);
  return {
    belonging: { tenantId, resellerId },
    streams: operation === "Delete" ? [stream] : rescues ? [mail, marks, stream] : [mail, stream],
    async plan(load: Load): Promise<Plan> {
      const loaded = await load(decider, stream);
      const at = kit.deps.clock.now();
      if (operation === "Delete") return planOf(decideOn(decider, loaded, { type: "DeleteHeldMessage", at }));
      const mailbox = targetOf(kit.deps.directory.mailbox(mailboxId));
      const decided = decideOn(decider, loaded, { type: "ReleaseHeldMessage", at, mailbox });
      if ("refused" in decided) return planOf(decided);
      const held = heldEvent(loaded.events, holdId);
      if (held === undefined) return { refused: { code: "NOT_FOUND", message: "There is no such held copy." } };
      // The delivery first: where the log cannot do both at once, a crash in between must not lose the mail.
      const rescued = rescues ? [{ write: markOf(held.data, marks) }] : [];
      return planOf({ write: deliveryOf(held, mail) }, ...rescued, decided);
    },
    value: () => ({ ...copy, status: operation === "Release" ? ("released" as const) : ("deleted" as const) }),
  };
}

function targetOf(mailbox: MailboxRecord | undefined): ReleaseTarget {
  if (mailbox === undefined) return "missing";
  if (mailbox.status !== "active") return mailbox.status;
  return mailbox.quotaBytes > 0 && mailbox.usedBytes >= mailbox.quotaBytes ? "full" : "active";
}

function heldEvent(events: readonly RecordedEvent[], holdId: string): RecordedEvent<MessageHeld> | undefined {
  const isHeld = ({ type, data }: RecordedEvent) => type === "MessageHeld" && (data as HeldData).holdId === holdId;
  return events.find(isHeld) as RecordedEvent<MessageHeld> | undefined;
}

/** The original as it came, trace fields before it. However often it is written, it is one delivery (deliveryId). */
function deliveryOf(event: RecordedEvent<MessageHeld>, stream: string): PlannedWrite {
  const { holdId, body, prefix, sizeBytes, transactionId, verdictId, folder = "INBOX" } = event.data;
  const data: MessageDelivered["data"] = {
    deliveryId: holdId,
    folder,
    body,
    prefix,
    sizeBytes,
    internalDate: event.occurredAt,
    flags: [],
    transactionId,
    verdictId,
  };
  return { stream, expected: "any", events: [{ type: "MessageDelivered", data }], holds: [body] };
}

function markOf({ mailboxId, body, transactionId, verdictId }: HeldData, stream: string): PlannedWrite {
  const messageKey = messageKeyOf({ verdictId, body });
  const data: MessageMarked["data"] = {
    mailboxId,
    messageKey,
    body,
    transactionId,
    verdictId,
    mark: "notSpam",
    by: "release",
  };
  return { stream, expected: "any", events: [{ type: "MessageMarked", data }] };
}

/** A copy that ended holds its body no more. Housekeeping does it again, so a failure costs only space for a while. */
async function letGo({ deps }: OperationKit, { tenantId, holdId, stream }: HeldCopy): Promise<void> {
  if (tenantId === undefined || stream !== streams.hold(tenantId, holdId)) return;
  await deps.journal.bodies.setHeld(stream, []).catch((error: unknown) => {
    deps.log.warn({ err: error, holdId }, "the body of a settled copy could not be let go");
  });
}
