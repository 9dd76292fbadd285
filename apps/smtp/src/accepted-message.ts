import type { Actor, VerdictId } from "@mailfold/kernel";
import type { CompiledPolicy } from "@mailfold/policy";
import type { Copy } from "./commit-copies.ts";
import type { QueuedForward } from "./forward/queue-forwards.ts";
import type { HeaderFacts } from "./header-facts.ts";
import type { Judged } from "./judge.ts";
import type { SmtpLimits } from "./smtp-config.ts";
import type { Transaction } from "./transaction.ts";

/** A message that at least one recipient takes, judged for each. */
export interface AcceptedMessage {
  readonly transaction: Pick<Transaction, "id" | "sender" | "smtpUtf8" | "eightBit">;
  readonly judged: readonly Judged[];
  /** As it is stored, and its SHA-256, hex. */
  readonly bytes: Buffer;
  readonly sha256: string;
  /** The tenant that keeps these bytes already; they are not written for it again. */
  readonly storedFor?: string;
  readonly header: HeaderFacts;
  /** When it came, ms since the epoch, and our Received field for this recipient, or for nobody by name, with CRLF. */
  readonly receivedAt: number;
  readonly received: (recipient: string | undefined) => string;
  /** When the events happen: at once, as a rule. */
  readonly occurredAt: number;
  readonly sessionId: string;
  /** Who acts; absent = the login or the peer. */
  readonly actor?: Actor;
  /** Of the first recipient's verdict; made here when absent. */
  readonly verdictId?: VerdictId;
  readonly limits: SmtpLimits;
  readonly policy: Pick<CompiledPolicy, "value">;
  /** The Authentication-Results field of each recipient's copy, with CRLF. */
  readonly results: ReadonlyMap<Judged, string>;
  /** Copies that are sent on. */
  readonly forwards: readonly QueuedForward[];
  /** Recipients whose copy is sent on and not kept. */
  readonly redirected: ReadonlySet<Judged>;
  /** Of a held copy of an alias: its other mailboxes, whose copies are sent on with this one, whenever they are settled. */
  readonly sharedWith?: readonly Copy["target"][];
}
