import { UndecodableEvent } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";

/** How what an event tells of ended. */
export interface EventOutcome {
  readonly result: "success" | "failure";
  /** A reason or code, where there is one. */
  readonly code?: string;
}

/** Commands that were recorded succeeded; verdicts, sign-ins and deliveries carry their own outcome, unless unreadable. */
export function outcomeOf(event: RecordedEvent): EventOutcome {
  if (event instanceof UndecodableEvent) return { result: "success" };
  const data = event.data as Readonly<Record<string, unknown>>;
  switch (event.type) {
    case "VerdictRecorded":
      return { result: data.action === "accept" ? "success" : "failure", code: String(data.reason) };
    case "VerdictsRepeated":
    case "IpDenied":
      return { result: "failure", code: String(data.reason) };
    case "SignInFailed":
      return { result: "failure", code: String(data.cause) };
    case "OutboundFinished":
      return { result: Number(data.failed) === 0 ? "success" : "failure" };
    default:
      return { result: "success" };
  }
}
