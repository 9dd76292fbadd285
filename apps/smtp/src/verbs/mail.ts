import { newId } from "@mailfold/ids";
import { loginFact, senderOwner } from "../directory-facts.ts";
import { classifyAddress } from "../envelope-address.ts";
import { type EnvelopeArgument, parseEnvelopeArgument } from "../envelope-syntax.ts";
import { type Judged, whenReady } from "../judge.ts";
import { replies } from "../replies.ts";
import type { SmtpSession } from "../session.ts";
import { ShadowTime } from "../shadow/shadow-time.ts";
import type { Verb } from "./verb.ts";

interface MailParameters {
  readonly declaredSizeBytes: number | undefined;
  readonly eightBit: boolean;
  readonly smtpUtf8: boolean;
}

const isAscii = /^[\x20-\x7e]*$/;

/** MAIL (RFC 5321 4.1.1.2; SIZE RFC 1870, BODY RFC 6152, SMTPUTF8 RFC 6531, AUTH RFC 4954 5): opens a transaction. */
export const mail: Verb = (session, argument, done) => {
  if (session.helo === undefined) return session.error(replies.heloFirst, done);
  if (session.transaction !== undefined) return session.error(replies.nestedMail, done);
  const parsed = parseEnvelopeArgument("FROM", argument);
  if (parsed === "no-path") return session.error(replies.mailSyntax, done);
  if (parsed === "bad-parameter") return session.error(replies.parameterSyntax, done);
  const parameters = readParameters(session, parsed);
  if (typeof parameters === "string") return session.error(parameters, done);
  if (!parameters.smtpUtf8 && !isAscii.test(parsed.path)) return session.error(replies.needsUtf8, done);
  const sender = parsed.path === "" ? ({ address: "", form: "plain" } as const) : classifyAddress(parsed.path);
  if (sender.form === "malformed") return session.error(replies.mailSyntax, done);
  if (!session.isReady) {
    session.wire.reply(replies.notReady);
    return done();
  }
  // A session may last an hour: what an admin changed meanwhile counts from this transaction on.
  if (session.login !== undefined) session.login = loginFact(session.services.deps.directory, session.login);
  const { declaredSizeBytes } = parameters;
  session.transaction = {
    id: newId("message"),
    sender: { ...sender, ...(declaredSizeBytes === undefined ? {} : { declaredSizeBytes }) },
    senderOwner: sender.address === "" ? null : senderOwner(session.services.deps.directory, sender.address),
    smtpUtf8: parameters.smtpUtf8,
    eightBit: parameters.eightBit,
    recipients: new Map(),
    shadowTime: new ShadowTime(),
    relayTenant: undefined,
    refused: 0,
  };
  return whenReady(session.judge("mail", session.facts()), (judged) => answer(session, judged, done));
};

function answer(session: SmtpSession, judged: Judged, done: () => void): void | Promise<void> {
  if (judged.verdict.action === "accept") {
    session.wire.reply(replies.senderOk);
    return done();
  }
  return session.passes(judged).then((passed) => {
    if (passed) session.wire.reply(replies.senderOk);
    else {
      session.resetTransaction();
      if (judged.verdict.close) return session.wire.close();
      if (!session.isWithinErrorBudget()) return;
    }
    done();
  });
}

/** The parameters, or the reply that refuses them. */
function readParameters(session: SmtpSession, { parameters }: EnvelopeArgument): MailParameters | string {
  let declaredSizeBytes: number | undefined;
  let eightBit = false;
  let smtpUtf8 = false;
  for (const [keyword, value] of parameters) {
    // HELO without EHLO: no extension was offered.
    if (!session.isEsmtp) return replies.unknownParameter;
    if (keyword === "SIZE") {
      if (!/^[0-9]{1,20}$/.test(value)) return replies.badSize;
      declaredSizeBytes = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
    } else if (keyword === "BODY") {
      if (!/^(7BIT|8BITMIME)$/i.test(value)) return replies.badBody;
      eightBit = value.length > 4;
    } else if (keyword === "SMTPUTF8") {
      if (value !== "") return replies.parameterSyntax;
      smtpUtf8 = true;
    } else if (keyword !== "AUTH" || session.peer.listener !== "submission" || value === "") {
      return replies.unknownParameter;
    }
  }
  return { declaredSizeBytes, eightBit, smtpUtf8 };
}
