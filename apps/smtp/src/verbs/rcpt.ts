import type { RecipientFact } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { domainFact, recipientFact } from "../directory-facts.ts";
import { canonicalDomainName, classifyAddress, domainOf, type EnvelopeAddress } from "../envelope-address.ts";
import { parseEnvelopeArgument } from "../envelope-syntax.ts";
import { srsRecipient } from "../forward/forwarding.ts";
import { type Judged, whenReady } from "../judge.ts";
import { replies } from "../replies.ts";
import type { SmtpSession } from "../session.ts";
import type { Transaction } from "../transaction.ts";
import type { Verb } from "./verb.ts";

const isAscii = /^[\x20-\x7e]*$/;

/** RCPT (RFC 5321 4.1.1.3): policy decides for each recipient, with everything found so far. */
export const rcpt: Verb = (session, argument, done) => {
  if (session.helo === undefined) return session.error(replies.heloFirst, done);
  const { transaction } = session;
  if (transaction === undefined) return session.error(replies.mailFirst, done);
  const parsed = parseEnvelopeArgument("TO", argument);
  if (parsed === "no-path") return session.error(replies.rcptSyntax, done);
  if (parsed === "bad-parameter") return session.error(replies.parameterSyntax, done);
  // DSN is not offered, so no parameter is known.
  if (parsed.parameters.size > 0) return session.error(replies.unknownParameter, done);
  if (parsed.path === "") return session.error(replies.rcptSyntax, done);
  if (!transaction.smtpUtf8 && !isAscii.test(parsed.path)) return session.error(replies.needsUtf8, done);
  const isBarePostmaster = /^postmaster$/i.test(parsed.path);
  const recipient = isBarePostmaster ? postmasterOf(session) : classifyAddress(parsed.path);
  if (recipient.form === "plain" && transaction.recipients.has(recipient.address)) {
    session.wire.reply(replies.recipientOk);
    return done();
  }
  if (transaction.recipients.size >= session.services.limits.recipientsMax) {
    session.wire.reply(replies.tooManyRecipients);
    return done();
  }
  if (!session.isReady) {
    session.wire.reply(replies.notReady);
    return done();
  }
  const { address, form, found } = whoIsMeant(session, transaction, { recipient, isBarePostmaster });
  const facts = {
    ...session.facts(),
    recipient: { address, form, found, acceptedBefore: transaction.recipients.size },
  };
  session.recipientReached();
  return whenReady(session.judge("rcpt", facts), (judged) => answer(session, transaction, { judged, done }));
};

type Meant = EnvelopeAddress & { readonly found: RecipientFact };

/** The recipient as the directory knows it; a bounce to an address that we made for forwarded mail goes to its sender. */
function whoIsMeant(
  { services: { deps } }: SmtpSession,
  transaction: Transaction,
  { recipient, isBarePostmaster }: { readonly recipient: EnvelopeAddress; readonly isBarePostmaster: boolean },
): Meant {
  const known = find(deps.directory, recipient);
  // Never a relay recipient: the mail would come back to this host.
  if (isBarePostmaster && known.kind === "foreign")
    return { ...recipient, found: { kind: "foreign", isOwnHost: true } };
  if (known.kind !== "unknown" || transaction.sender.address !== "") return { ...recipient, found: known };
  const { verified, tenantId } = known.domain;
  // Where nothing may be sent on, nothing comes back either.
  if (!verified || deps.directory.tenant(tenantId)?.switches.forwarding === true) return { ...recipient, found: known };
  const sender = srsRecipient(deps.forwarding, recipient.address, deps.clock.now());
  const returned = sender === undefined ? undefined : classifyAddress(sender);
  if (returned?.form !== "plain") return { ...recipient, found: known };
  const found = recipientFact(deps.directory, returned.address);
  return { ...returned, found: found.kind === "foreign" ? { kind: "foreign", bounceFor: known.domain } : found };
}

/** RFC 5321 4.5.1: the postmaster of this host needs no domain. It is found at the host's name, or at the nearest hosted domain above it. */
function postmasterOf({ services }: SmtpSession): EnvelopeAddress {
  const host = canonicalDomainName(services.hostname) ?? services.hostname.toLowerCase();
  const labels = host.split(".");
  // A single label on top is a registry's, never a customer's.
  const names = [host, ...labels.slice(1, -1).map((_, index) => labels.slice(index + 1).join("."))];
  const hosted = names.find((name) => domainFact(services.deps.directory, name)?.verified === true);
  return { address: `postmaster@${hosted ?? host}`, form: "plain" };
}

function find(directory: Directory, recipient: EnvelopeAddress): RecipientFact {
  if (recipient.form === "plain") return recipientFact(directory, recipient.address);
  // A form that is refused still belongs to somebody, who may ask why.
  const name = canonicalDomainName(domainOf(recipient.address));
  const domain = name === undefined ? undefined : domainFact(directory, name);
  return domain === undefined ? { kind: "foreign" } : { kind: "unknown", domain };
}

function answer(
  session: SmtpSession,
  transaction: Transaction,
  { judged, done }: { readonly judged: Judged; readonly done: () => void },
): void | Promise<void> {
  const { delayMs = 0 } = judged.verdict;
  // Judged already, so the mail is not: who is slowed down learns it late, whatever it is.
  if (delayMs > 0) return session.holdBack(delayMs).then(() => settle(session, transaction, { judged, done }));
  return settle(session, transaction, { judged, done });
}

function settle(
  session: SmtpSession,
  transaction: Transaction,
  { judged, done }: { readonly judged: Judged; readonly done: () => void },
): void | Promise<void> {
  const { verdict, facts } = judged;
  // Only a refusal is answered here: junk, quarantine and discard take the mail.
  if (verdict.action === "reject" || verdict.action === "defer") {
    const told = session.withShadows("rcpt", judged);
    return whenReady(told, (all) => session.refuseRecipient(all, done));
  }
  transaction.recipients.set(facts.recipient?.address ?? "", judged);
  if (verdict.route === "relay" && verdict.tenantId !== undefined) transaction.relayTenant ??= verdict.tenantId;
  const { counters } = session.services.peerSources;
  const found = facts.recipient?.found;
  if (verdict.reason === "bounce-returned" && found?.kind === "foreign" && found.bounceFor !== undefined) {
    const { tenantId } = found.bounceFor;
    counters.chargeBounce({ address: facts.recipient?.address ?? "", tenantId }, facts.at);
  } else if (verdict.route === "relay" || session.login !== undefined) {
    const { mailboxId, tenantId = verdict.tenantId } = session.login ?? {};
    counters.charge({ mailboxId, tenantId }, facts.at);
  }
  session.wire.reply(replies.recipientOk);
  done();
}
