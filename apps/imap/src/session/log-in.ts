import { setTimeout as sleep } from "node:timers/promises";
import { type Completion, no, ok } from "../commands/command.ts";
import { capabilities } from "./capabilities.ts";
import type { ImapSession } from "./imap-session.ts";

/** Checks a login and opens the mailbox. Failures answer late, and too many end the session. */
export async function logIn(
  session: ImapSession,
  attempt: { readonly login: string; readonly password: string; readonly mechanism: string },
): Promise<Completion> {
  const { deps, connection } = session;
  if (!deps.readiness()) return no("Server is starting, try again", "UNAVAILABLE");
  const outcome = await deps.authenticator.authenticate({
    ...attempt,
    protocol: "imap",
    ip: connection.ip,
    tls: connection.secure,
    sessionId: connection.id,
  });
  if (outcome.ok) {
    await session.login(outcome.account);
    return ok("Logged in", `CAPABILITY ${capabilities(session)}`);
  }
  if (outcome.cause === "unavailable") return no("Cannot check logins now, try again", "UNAVAILABLE");
  session.authFailures += 1;
  if (session.authFailures >= session.limits.authFailuresMax) session.end("Too many failed logins");
  await sleep(session.limits.authFailureDelayMs * session.authFailures, undefined, { ref: false });
  if (outcome.cause === "throttled") return no("Too many failed logins, try later", "LIMIT");
  // RFC 5530 section 3: one answer for unknown user and wrong password; a suspended account has shown the right one.
  if (outcome.cause === "suspended") return no("Account is suspended", "CONTACTADMIN");
  return no("Login failed", "AUTHENTICATIONFAILED");
}
