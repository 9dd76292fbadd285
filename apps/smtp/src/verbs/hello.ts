import { replies } from "../replies.ts";
import type { SmtpSession } from "../session.ts";
import type { Verb } from "./verb.ts";

// A domain or an address literal (RFC 5321 4.1.1.1), read generously: any printable word that is no markup.
const heloName = /^[\x21-\x7e]{1,255}$/;

/** EHLO (RFC 5321 4.1.1.1): names the extensions that are built, and starts afresh. */
export const ehlo: Verb = (session, argument, done) => greet(session, { argument, isEsmtp: true }, done);
/** HELO (RFC 5321 4.1.1.1). */
export const helo: Verb = (session, argument, done) => greet(session, { argument, isEsmtp: false }, done);

async function greet(
  session: SmtpSession,
  said: { readonly argument: string; readonly isEsmtp: boolean },
  done: () => void,
): Promise<void> {
  const name = said.argument.trim();
  if (!heloName.test(name)) return session.error(replies.heloSyntax, done);
  if (!session.isWithinJunkBudget()) return;
  session.resetTransaction();
  session.helo = name.toLowerCase();
  session.isEsmtp = said.isEsmtp;
  if (session.isReady && !(await session.passes(await session.judge("helo", session.facts())))) {
    session.wire.close();
    return;
  }
  session.wire.reply(said.isEsmtp ? capabilities(session) : `250 ${session.services.hostname}`);
  done();
}

function capabilities(session: SmtpSession): string {
  const isSubmission = session.peer.listener === "submission";
  const isEncrypted = session.wire.tls !== undefined;
  const { authMechanisms, requireTlsForAuth } = session.settings;
  const mayLogIn = isSubmission && session.login === undefined && (isEncrypted || !requireTlsForAuth);
  const lines = [
    session.services.hostname,
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    `SIZE ${session.settings.sizeLimitBytes}`,
    ...(isEncrypted ? [] : ["STARTTLS"]),
    ...(mayLogIn && authMechanisms.length > 0 ? [`AUTH ${[...authMechanisms].sort().reverse().join(" ")}`] : []),
  ];
  return lines.map((line, index) => `250${index === lines.length - 1 ? " " : "-"}${line}`).join("\r\n");
}
