import type { RefusalCode } from "@mailfold/domain";
import type { HeldMessageDeleted, HeldMessageReleased, HeldMessageSettled, MessageHeld } from "@mailfold/events";
import { type Decider, type Decision, type MailboxId, record, refuse } from "@mailfold/kernel";
import type { HoldStatus } from "@mailfold/projection-quarantine";

export type HeldMessageEvent = MessageHeld | HeldMessageSettled | HeldMessageReleased | HeldMessageDeleted;

/** The mailbox as it is now; `missing` = there is none any more. */
export type ReleaseTarget = "active" | "suspended" | "full" | "deleted" | "missing";

export type HeldMessageCommand =
  | { readonly type: "ReleaseHeldMessage"; readonly mailbox: ReleaseTarget; readonly at: number }
  | { readonly type: "DeleteHeldMessage"; readonly at: number };

export interface HeldMessageState {
  readonly held?: Pick<MessageHeld["data"], "holdId" | "kind" | "mailboxId" | "expiresAt">;
  readonly status: HoldStatus;
}

type Answer = Decision<HeldMessageEvent, RefusalCode>;

/** One held copy, stream `quarantine-<tenant>.<hold id>`; events of others in the same stream are passed over. */
export function heldMessage(
  holdId: string,
): Decider<HeldMessageCommand, HeldMessageEvent, HeldMessageState, RefusalCode> {
  return {
    name: "heldMessage",
    initialState: { status: "held" },
    decide(command, { held, status }): Answer {
      if (held === undefined) return refuse("NOT_FOUND", "There is no such held copy.");
      if (status !== "held") {
        return refuse("HOLD_SETTLED", `The copy was ${status} before.`, { details: { status } });
      }
      // A deferred copy past its time is the judge's: it goes to quarantine, and nothing is lost by being quicker.
      if (held.kind !== "deferred" && held.expiresAt <= command.at) {
        return refuse("HOLD_EXPIRED", "The copy was kept for its time and is not to be had any more.");
      }
      if (command.type === "DeleteHeldMessage") return record({ type: "HeldMessageDeleted", data: { holdId } });
      return release(held.mailboxId, command.mailbox, holdId);
    },
    evolve(state, event) {
      if (event.data.holdId !== holdId) return state;
      switch (event.type) {
        case "MessageHeld": {
          const { kind, mailboxId, expiresAt } = event.data;
          return { held: { holdId, kind, mailboxId, expiresAt }, status: "held" };
        }
        // The first end counts: logs of several machines cannot refuse a second one.
        case "HeldMessageReleased":
          return state.status === "held" ? { ...state, status: "released" } : state;
        case "HeldMessageDeleted":
          return state.status === "held" ? { ...state, status: "deleted" } : state;
        case "HeldMessageSettled": {
          const { outcome } = event.data;
          return state.status === "held" && outcome !== "deferred" ? { ...state, status: outcome } : state;
        }
        default:
          return state;
      }
    },
  };
}

function release(mailboxId: MailboxId, mailbox: ReleaseTarget, holdId: string): Answer {
  switch (mailbox) {
    case "missing":
    case "deleted":
      return refuse("MAILBOX_DELETED", "The mailbox that the copy was for is deleted.");
    case "suspended":
      return refuse("MAILBOX_SUSPENDED", "The mailbox that the copy was for is suspended and takes no mail.");
    case "full":
      return refuse("MAILBOX_FULL", "The mailbox that the copy was for is over its quota.");
    default:
      return record({ type: "HeldMessageReleased", data: { holdId, mailboxId } });
  }
}
