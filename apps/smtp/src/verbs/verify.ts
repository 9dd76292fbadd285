import { domainFact } from "../directory-facts.ts";
import { classifyAddress, domainOf } from "../envelope-address.ts";
import { replies } from "../replies.ts";
import type { SmtpSession } from "../session.ts";
import type { Verb } from "./verb.ts";

/** VRFY (RFC 5321 3.5.1, 7.3): as the listener says; `local` tells whether an address exists. */
export const vrfy: Verb = (session, argument, done) => {
  look(session, { setting: session.settings.vrfy, argument }, done);
};

/** EXPN (RFC 5321 3.5.1): as the listener says; `local` shows the mailboxes of an alias. */
export const expn: Verb = (session, argument, done) => {
  look(session, { setting: session.settings.expn, argument, isExpand: true }, done);
};

function look(
  session: SmtpSession,
  of: { readonly setting: 252 | 502 | "local"; readonly argument: string; readonly isExpand?: boolean },
  done: () => void,
): void {
  if (of.setting === 502) return session.error(replies.notImplemented, done);
  if (!session.isWithinJunkBudget()) return;
  const text = of.argument.trim();
  if (text === "") return session.error(replies.vrfySyntax, done);
  session.wire.reply(of.setting === 252 ? replies.vrfy : lookUp(session, text, of.isExpand === true));
  done();
}

function lookUp(session: SmtpSession, text: string, isExpand: boolean): string {
  if (!session.isReady) return replies.notReady;
  const { address, form } = classifyAddress(text.replace(/^<|>$/g, ""));
  const found = form === "plain" ? session.services.deps.directory.resolve(address) : undefined;
  if (found === undefined || found.length === 0) {
    // Names can be tried here as well as with RCPT.
    const isOurs = domainFact(session.services.deps.directory, domainOf(address)) !== undefined;
    if (isOurs && session.login === undefined) session.services.abuse.unknownRecipient(session.peer.ip);
    return replies.noSuchUser;
  }
  const names = isExpand ? found.slice(0, 100).map((mailbox) => mailbox.address) : [address];
  return names.map((name, index) => `250${index === names.length - 1 ? " " : "-"}2.1.5 <${name}>`).join("\r\n");
}
