import { type MessageMarked, messageKeyOf, streams } from "@mailfold/events";
import { parseId } from "@mailfold/ids";
import type { MailboxId, TenantId, VerdictId } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import type { DeliveredCopy } from "../ports.ts";
import { createVerdicts } from "../records/verdicts.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";

interface FoundCopy extends DeliveredCopy {
  readonly mailboxId: MailboxId;
}

/** What users say of their mail, told by a program on their behalf: the report button of a web client. */
export function createMarkOperations(kit: OperationKit): Pick<Operations, "messageMark"> {
  return {
    messageMark: (caller, input) =>
      kit.execute({
        caller,
        operation: "messageMark",
        input,
        async prepare() {
          const found = await findCopies(kit, caller, input);
          const tenant = found === undefined ? undefined : kit.view(caller).tenant(found.tenantId);
          if (found === undefined || tenant === undefined) return notFound("reference");
          const { tenantId, resellerId } = tenant;
          const { mark } = input;
          // Of the tenant that has the copies, whoever sent the mail: its filter learns from them. A stream for each message: a retry finds what the first call wrote, whatever day it is.
          const stream = streams.messageMark(tenantId, found.transactionId);
          return {
            belonging: { tenantId, resellerId },
            streams: [stream],
            plan: async () => ({
              writes: [{ stream, expected: "any", events: found.copies.map((copy) => markOf(copy, mark)) }],
            }),
            value: () => ({
              reference: input.reference,
              mark,
              mailboxIds: [...new Set(found.copies.map(({ mailboxId }) => mailboxId))],
            }),
          };
        },
      }),
  };
}

/** The copies that the verdict let in and that are still there, in the mailboxes that the caller names and may see. */
async function findCopies(
  kit: OperationKit,
  caller: Caller,
  input: { readonly reference: string; readonly mailboxId?: string | null | undefined },
) {
  const verdictId = parseId("verdict", input.reference);
  const verdicts = createVerdicts(kit.deps.rows, kit.deps.journal.events, caller);
  const verdict = verdictId === undefined ? undefined : verdicts.find(verdictId);
  if (verdict === undefined || verdictId === undefined) return undefined;
  const steps = await verdicts.ofTransaction("steps", verdict.transactionId);
  const delivered = steps.filter((step) => step.kind === "delivered" && step.verdictId === verdictId);
  const mailboxIds = new Set(delivered.map((step) => step.mailboxId as MailboxId));
  const copies: FoundCopy[] = [];
  let tenantId: TenantId | undefined;
  for (const mailboxId of mailboxIds) {
    if (typeof input.mailboxId === "string" && input.mailboxId !== mailboxId) continue;
    const mailbox = kit.view(caller).mailbox(mailboxId);
    if (mailbox === undefined || mailbox.status === "deleted") continue;
    // The targets of one recipient are one tenant's.
    tenantId ??= mailbox.tenantId;
    if (mailbox.tenantId !== tenantId) continue;
    for (const copy of await kit.deps.copiesOf(mailboxId, verdictId)) copies.push({ ...copy, mailboxId });
  }
  if (copies.length === 0 || tenantId === undefined) return undefined;
  return { tenantId, transactionId: verdict.transactionId, copies: oneEach(copies, verdictId) };
}

/** A message that lies in several folders of a mailbox is one message. */
function oneEach(
  copies: readonly FoundCopy[],
  verdictId: VerdictId,
): readonly (FoundCopy & { verdictId: VerdictId })[] {
  const byMailbox = new Map(copies.map((copy) => [copy.mailboxId, { ...copy, verdictId }]));
  return [...byMailbox.values()];
}

function markOf(
  copy: FoundCopy & { readonly verdictId: VerdictId },
  mark: MessageMarked["data"]["mark"],
): MessageMarked {
  const { mailboxId, body, transactionId, verdictId } = copy;
  const transaction = transactionId === undefined ? {} : { transactionId };
  const data = { mailboxId, messageKey: messageKeyOf(copy), body, ...transaction, verdictId, mark, by: "api" as const };
  return { type: "MessageMarked", data };
}
