import { addressClaim, type MailboxCommand, mailbox } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { passwordProblem } from "@mailfold/passwords";
import type { MailboxRecord } from "@mailfold/projection-directory";
import type { Caller } from "../caller.ts";
import { addressStream, loadClaim, takeAddressFacts } from "./address-facts.ts";
import { createMailboxCreate, samePassword, verifierMaker } from "./mailbox-create.ts";
import type { MailboxInput } from "./operation-inputs.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, notFound, type OperationOutcome } from "./operation-outcome.ts";
import type { Operation, Operations } from "./operations.ts";
import type { CommandRun } from "./run-command.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";

type MailboxOperations = Pick<Operations, Extract<keyof Operations, `mailbox${string}`>>;

/** Mailboxes. */
export function createMailboxOperations(kit: OperationKit): MailboxOperations {
  return {
    mailboxCreate: createMailboxCreate(kit),
    mailboxUpdate: (caller, input) =>
      change(kit, { caller, operation: "mailboxUpdate", input }, async () => ({
        type: "UpdateMailbox",
        ...optional("displayName", input.displayName),
        ...optional("quotaBytes", input.quotaBytes),
      })),
    mailboxSetPassword: async (caller, input) => {
      const problem = passwordProblem(input.password);
      if (problem !== undefined) return invalidInput(problem, "password");
      const dryRun = input.dryRun ?? false;
      const command = {
        caller,
        operation: "mailboxSetPassword",
        input,
        secretFields: ["password"],
        sameSecret: samePassword(kit, input.password),
      } as const;
      return change(kit, command, async (record) => ({
        type: "SetMailboxPassword",
        verifier: await verifierMaker(kit, record.tenantId, { password: input.password, dryRun })(),
      }));
    },
    mailboxSuspend: (caller, input) =>
      change(kit, { caller, operation: "mailboxSuspend", input }, async () => ({
        type: "SuspendMailbox",
        reason: input.reason ?? "ADMIN",
        ...optional("note", input.note),
      })),
    mailboxResume: (caller, input) =>
      change(kit, { caller, operation: "mailboxResume", input }, async () => ({ type: "ResumeMailbox" })),
    mailboxDelete: createMailboxDelete(kit),
    mailboxRestore: createMailboxRestore(kit),
  };
}

function change<I extends MailboxInput>(
  kit: OperationKit,
  spec: {
    readonly caller: Caller;
    readonly operation: string;
    readonly input: I;
    readonly secretFields?: readonly (keyof I & string)[];
    readonly sameSecret?: CommandRun["sameSecret"];
  },
  command: (record: MailboxRecord) => Promise<MailboxCommand>,
): Promise<OperationOutcome<MailboxRecord>> {
  const { sameSecret, ...rest } = spec;
  return kit.execute({
    ...rest,
    prepare() {
      const record = kit.view(spec.caller).mailbox(spec.input.mailboxId);
      if (record === undefined) return notFound("mailboxId");
      const { mailboxId, tenantId, resellerId } = record;
      const stream = streams.mailbox(mailboxId);
      return {
        belonging: { tenantId, resellerId },
        streams: [stream],
        sameSecret,
        plan: async (load) => {
          const loaded = await load(mailbox, stream);
          return planOf(decideOn(mailbox, loaded, await command(record)));
        },
        value: () => kit.deps.directory.mailbox(mailboxId) ?? record,
      };
    },
  });
}

/** The mailbox goes first and the address is released after it, so that no two live mailboxes ever share one. */
function createMailboxDelete(kit: OperationKit): Operation<MailboxInput, MailboxRecord> {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "mailboxDelete",
      input,
      prepare() {
        const record = kit.view(caller).mailbox(input.mailboxId);
        if (record === undefined) return notFound("mailboxId");
        const { mailboxId, tenantId, resellerId } = record;
        const address = addressStream(kit, record.address);
        return {
          belonging: { tenantId, resellerId },
          streams: [streams.mailbox(mailboxId), address],
          async plan(load) {
            const deleted = decideOn(mailbox, await load(mailbox, streams.mailbox(mailboxId)), {
              type: "DeleteMailbox",
            });
            const claim = await loadClaim(load, address);
            return planOf(
              deleted,
              decideOn(addressClaim, claim, { type: "ReleaseAddress", mailboxId, cause: "deleted" }),
            );
          },
          value: () => kit.deps.directory.mailbox(mailboxId) ?? { ...record, status: "deleted" },
        };
      },
    });
}

function createMailboxRestore(kit: OperationKit): Operation<MailboxInput, MailboxRecord> {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "mailboxRestore",
      input,
      prepare() {
        const record = kit.view(caller).mailbox(input.mailboxId);
        if (record === undefined) return notFound("mailboxId");
        const { mailboxId, tenantId, resellerId, domainId, address } = record;
        const stream = addressStream(kit, address);
        return {
          belonging: { tenantId, resellerId },
          streams: [stream, streams.mailbox(mailboxId)],
          async plan(load) {
            const loaded = await load(mailbox, streams.mailbox(mailboxId));
            if (loaded.state.kind === "present" && !loaded.state.deleted) return { writes: [] };
            const claim = await loadClaim(load, stream);
            const facts = {
              ...(await takeAddressFacts(load, claim, kit.deps.clock.now())),
              // The domain may have been given back, and taken by another tenant, since.
              domainIsOwn: kit.deps.directory.domain(domainId)?.tenantId === tenantId,
            };
            const own = { address, tenantId, domainId, mailboxId };
            return planOf(
              decideOn(addressClaim, claim, { type: "ClaimAddress", ...own, facts }),
              decideOn(mailbox, loaded, { type: "RestoreMailbox", addressIsHeld: true }),
            );
          },
          value: () => kit.deps.directory.mailbox(mailboxId) ?? record,
        };
      },
    });
}
