import { describe, test } from "node:test";
import type { DomainId, MailboxId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { MailboxEvent } from "./events.ts";
import type { CreateMailbox, MailboxCommand } from "./mailbox.ts";
import { mailbox } from "./mailbox.ts";

const { given } = specify(mailbox);
const mailboxId = "mbx_01" as MailboxId;
const address = "alice@example.test";
const verifier = { keyId: "k", nonce: "n", ciphertext: "c" };
const owner = { tenantId: "ten_01" as TenantId, domainId: "dom_01" as DomainId };
const create: CreateMailbox = { type: "CreateMailbox", mailboxId, ...owner, address, quotaBytes: 1_000, verifier };
const created: MailboxEvent = {
  type: "MailboxCreated",
  data: { mailboxId, ...owner, address, quotaBytes: 1_000, verifier },
};
const suspended: MailboxEvent = { type: "MailboxSuspended", data: { mailboxId, reason: "ABUSE" } };
const deleted: MailboxEvent = { type: "MailboxDeleted", data: { mailboxId, address } };
const restored: MailboxEvent = { type: "MailboxRestored", data: { mailboxId, address } };

describe("mailbox", () => {
  test("is created once, at a canonical address, with a quota", () => {
    given().when(create).thenRecorded(created);
    given(created).when(create).thenRefused("ALREADY_EXISTS");
    given(created, deleted).when(create).thenRefused("ALREADY_EXISTS");
    given()
      .when({ ...create, address: "Alice@example.test" })
      .thenRefused("INVALID_INPUT", ["address"]);
    given()
      .when({ ...create, address: "alice" })
      .thenRefused("ADDRESS_INVALID", ["address"]);
    for (const quotaBytes of [0, -1, 1.5, Number.NaN, 2 ** 60]) {
      given()
        .when({ ...create, quotaBytes })
        .thenRefused("INVALID_INPUT", ["quotaBytes"]);
    }
  });

  test("an update records what changed and nothing else", () => {
    given(created)
      .when({ type: "UpdateMailbox", quotaBytes: 2_000, displayName: "" })
      .thenRecorded({ type: "MailboxUpdated", data: { mailboxId, quotaBytes: 2_000 } });
    given(created).when({ type: "UpdateMailbox", quotaBytes: 1_000 }).thenNothing();
    given(created).when({ type: "UpdateMailbox" }).thenNothing();
    given(created).when({ type: "UpdateMailbox", displayName: "a\rb" }).thenRefused("INVALID_INPUT", ["displayName"]);
  });

  test("suspend and resume; the same again is nothing new", () => {
    const suspend = { type: "SuspendMailbox", reason: "ABUSE" } as const;
    given(created).when(suspend).thenRecorded(suspended);
    given(created, suspended).when(suspend).thenNothing();
    given(created, suspended)
      .when({ ...suspend, note: "n" })
      .thenRecorded({ type: "MailboxSuspended", data: { mailboxId, reason: "ABUSE", note: "n" } });
    given(created)
      .when({ ...suspend, reason: "" })
      .thenRefused("INVALID_INPUT", ["reason"]);
    given(created, suspended)
      .when({ type: "ResumeMailbox" })
      .thenRecorded({ type: "MailboxResumed", data: { mailboxId } });
    given(created).when({ type: "ResumeMailbox" }).thenNothing();
  });

  test("a new password is always new", () => {
    const set = { type: "SetMailboxPassword", verifier } as const;
    given(created).when(set).thenRecorded({ type: "MailboxPasswordSet", data: { mailboxId, verifier } });
  });

  test("a deleted mailbox takes nothing but restore, and is back as suspended as it was", () => {
    given(created).when({ type: "DeleteMailbox" }).thenRecorded(deleted);
    given(created, deleted).when({ type: "DeleteMailbox" }).thenNothing();
    for (const type of ["UpdateMailbox", "ResumeMailbox"] as const) {
      given(created, deleted).when({ type }).thenRefused("MAILBOX_DELETED");
    }
    given(created, deleted).when({ type: "SetMailboxPassword", verifier }).thenRefused("MAILBOX_DELETED");
    given(created, deleted).when({ type: "RestoreMailbox", addressIsHeld: true }).thenRecorded(restored);
    given(created, deleted).when({ type: "RestoreMailbox", addressIsHeld: false }).thenRefused("ADDRESS_TAKEN");
    given(created, suspended, deleted)
      .when({ type: "RestoreMailbox", addressIsHeld: true })
      .thenRecorded(restored, suspended);
    given(created).when({ type: "RestoreMailbox", addressIsHeld: false }).thenNothing();
  });

  test("nothing but create works on no mailbox", () => {
    for (const type of ["UpdateMailbox", "ResumeMailbox", "DeleteMailbox"] as const) {
      given().when({ type }).thenRefused("NOT_FOUND");
    }
  });

  test("replay equals live", () => {
    const command: fc.Arbitrary<MailboxCommand> = fc.oneof(
      fc.constant<MailboxCommand>(create),
      fc.record(
        {
          type: fc.constant("UpdateMailbox" as const),
          displayName: fc.string({ maxLength: 3 }),
          quotaBytes: fc.integer({ min: 0, max: 2 }),
        },
        { requiredKeys: ["type"] },
      ),
      fc.record({ type: fc.constant("SuspendMailbox" as const), reason: fc.constantFrom("ABUSE", "ADMIN") }),
      fc.constantFrom<MailboxCommand>(
        { type: "SetMailboxPassword", verifier },
        { type: "ResumeMailbox" },
        { type: "DeleteMailbox" },
        { type: "RestoreMailbox", addressIsHeld: true },
        { type: "RestoreMailbox", addressIsHeld: false },
      ),
    );
    holdsOverHistories(mailbox, command);
  });
});
