import type { AuthOutcome } from "@mailfold/sasl";
import type { SMTPServerAuthentication, SMTPServerAuthenticationResponse } from "smtp-server";
import { loginFact } from "./directory-facts.ts";
import type { SmtpSession } from "./session.ts";

const refused = (code: number, message: string): SMTPServerAuthenticationResponse => ({ responseCode: code, message });

/** Checks an AUTH exchange against the authenticator; logs the session in when it succeeds. */
export async function authenticateSession(
  session: SmtpSession,
  auth: SMTPServerAuthentication,
): Promise<SMTPServerAuthenticationResponse> {
  const { deps } = session.services;
  // RFC 4616 2: acting as somebody else is not offered.
  const isProxying = auth.authzid !== undefined && auth.authzid !== "" && auth.authzid !== auth.username;
  const login = (auth.username ?? "").normalize("NFC").toLowerCase();
  const outcome: AuthOutcome = isProxying
    ? { ok: false, cause: "bad-credentials" }
    : await deps.authenticator.authenticate({
        login,
        password: auth.password ?? "",
        protocol: "submission",
        mechanism: auth.method,
        ip: session.peer.ip,
        tls: session.wire.tls !== undefined,
        sessionId: session.peer.id,
      });
  if (outcome.ok) {
    session.login = loginFact(deps.directory, outcome.account);
    return { user: outcome.account.mailboxId };
  }
  if (outcome.cause === "throttled") return refused(454, "Too many attempts, try again later");
  if (outcome.cause === "unavailable") return refused(454, "Authentication is not available now, try again later");
  // A suspended account is told apart from a wrong password by nobody but its owner's admin.
  if (session.isWithinAuthBudget()) return refused(535, "Authentication failed");
  return refused(421, "Too many failed logins, closing the connection");
}
