import type { DomainEvent, MailboxId, MessageId, VerdictId } from "@mailfold/kernel";
import type { BodyRef } from "./mail-events.ts";

/**
 * A user's word on one message: spam, or not spam. It is kept once it is known that it took effect, so a message that
 * was gone by then has none.
 */
export type MessageMarked = DomainEvent<
  "MessageMarked",
  {
    readonly mailboxId: MailboxId;
    /** The message within its mailbox (`messageKeyOf`). Of all marks of one (mailbox, message) the last one counts. */
    readonly messageKey: string;
    readonly body: BodyRef;
    /** Absent, like verdictId, of mail that a client put there itself: that has no verdict, hence it is no evidence. */
    readonly transactionId?: MessageId;
    readonly verdictId?: VerdictId;
    readonly mark: "spam" | "notSpam";
    /** `move`: into or out of Junk; `flag`: a keyword; `api`: reported; `release`: let out of quarantine with its sender. */
    readonly by: "move" | "flag" | "api" | "release";
  }
>;

/**
 * What a message is called within its mailbox, in every folder that it is moved or copied to: the verdict that let it in,
 * else the SHA-256 of its body.
 */
export function messageKeyOf(message: {
  readonly verdictId?: VerdictId;
  readonly body: Pick<BodyRef, "sha256">;
}): string {
  return message.verdictId ?? message.body.sha256;
}
