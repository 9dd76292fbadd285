import { replies } from "../replies.ts";
import type { Verb } from "./verb.ts";

/** RSET (RFC 5321 4.1.1.5): ends the transaction, keeps the session. */
export const rset: Verb = (session, argument, done) => {
  if (argument !== "") return session.error(replies.noParameters, done);
  if (!session.isWithinJunkBudget()) return;
  session.resetTransaction();
  session.wire.reply(replies.ok);
  done();
};

/** NOOP (RFC 5321 4.1.1.9). */
export const noop: Verb = (session, _argument, done) => {
  if (!session.isWithinJunkBudget()) return;
  session.wire.reply(replies.ok);
  done();
};

/** HELP (RFC 5321 4.1.1.8). */
export const help: Verb = (session, _argument, done) => {
  if (!session.isWithinJunkBudget()) return;
  session.wire.reply(replies.help);
  done();
};

/** QUIT (RFC 5321 4.1.1.10). */
export const quit: Verb = (session, argument, done) => {
  if (argument !== "") return session.error(replies.noParameters, done);
  session.closeWith(replies.bye);
};

/** STARTTLS (RFC 3207). */
export const starttls: Verb = (session, argument, done) => {
  if (argument !== "") return session.error(replies.noParameters, done);
  if (session.wire.tls !== undefined) return session.error(replies.tlsActive, done);
  if (!session.isWithinJunkBudget()) return;
  session.wire.startTls(done);
};

/** AUTH (RFC 4954): on submission, over TLS, outside a transaction. */
export const auth: Verb = (session, argument, done) => {
  const { authMechanisms } = session.settings;
  const isOffered = session.peer.listener === "submission" && authMechanisms.length > 0;
  if (!isOffered) return session.error(replies.authNotOffered, done);
  if (session.helo === undefined) return session.error(replies.heloFirst, done);
  if (session.wire.tls === undefined && session.settings.requireTlsForAuth) {
    return session.error(replies.authNeedsTls, done);
  }
  if (session.transaction !== undefined) return session.error(replies.authDuringMail, done);
  const [mechanism = ""] = argument.split(" ", 1);
  if (!authMechanisms.includes(mechanism.toUpperCase())) return session.error(replies.authMechanism, done);
  if (!session.isWithinJunkBudget()) return;
  session.wire.authenticate(`AUTH ${argument}`, done);
};

/** Commands of extensions that are not offered, and of the past: 502, and in sync. */
export const notImplemented: Verb = (session, _argument, done) => session.error(replies.notImplemented, done);
