import type { ImapSession } from "./imap-session.ts";

/** What is built, as CAPABILITY shows it now (RFC 3501 section 6.1.1): nothing is advertised that is not complete. */
export function capabilities(session: ImapSession): string {
  const base = "IMAP4rev1 LITERAL+ SASL-IR ID";
  if (session.mail !== undefined) {
    return `${base} NAMESPACE IDLE CHILDREN UIDPLUS MOVE UNSELECT SPECIAL-USE CREATE-SPECIAL-USE`;
  }
  const startTls = session.connection.secure ? "" : " STARTTLS";
  const plain = mayLogIn(session) && offersMechanism(session, "PLAIN") ? " AUTH=PLAIN" : "";
  return `${base}${startTls}${plain}${mayLogIn(session) && offersLogin(session) ? "" : " LOGINDISABLED"}`;
}

/** Whether authMechanisms lists a SASL mechanism. */
export function offersMechanism(session: ImapSession, mechanism: string): boolean {
  return session.deps.policy.current().listener().authMechanisms.includes(mechanism);
}

/** The command LOGIN sends what PLAIN and LOGIN send, so either allows it; an empty list switches logins off. */
export function offersLogin(session: ImapSession): boolean {
  return session.deps.policy.current().listener().authMechanisms.length > 0;
}

/** False while policy wants TLS and there is none: a password in the clear is refused before it is looked at. */
export function mayLogIn(session: ImapSession): boolean {
  return session.connection.secure || !session.deps.policy.current().listener().requireTlsForAuth;
}
