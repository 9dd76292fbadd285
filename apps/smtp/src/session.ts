import { newId } from "@mailfold/ids";
import type { VerdictId } from "@mailfold/kernel";
import type { CompiledPolicy, Facts, ListenerSettings, LoginFact, Phase } from "@mailfold/policy";
import type { BodyCollector, ByteBudget } from "./body-collector.ts";
import type { ContentServices } from "./content/content-services.ts";
import type { Denials } from "./denials.ts";
import { allSources, type FetchFacts } from "./fact-source.ts";
import { type Judged, judge } from "./judge.ts";
import type { AbuseWatch } from "./peer/abuse-watch.ts";
import { countGuess } from "./peer/count-guess.ts";
import { PeerFacts, type PeerSources } from "./peer/peer-facts.ts";
import type { ReplyDelays } from "./peer/reply-delays.ts";
import type { RefusalRecorder } from "./refusal-recorder.ts";
import { deniedReply, refusalReply, replies } from "./replies.ts";
import { judgeShadows } from "./shadow/judge-shadows.ts";
import type { SmtpLimits } from "./smtp-config.ts";
import type { SmtpDeps } from "./smtp-deps.ts";
import type { Transaction } from "./transaction.ts";
import type { MessageNotes, Origin } from "./verdict-event.ts";
import type { Wire } from "./wire.ts";

/** What all sessions of one process share. */
export interface SmtpServices {
  readonly deps: SmtpDeps;
  readonly hostname: string;
  readonly limits: SmtpLimits;
  readonly budget: ByteBudget;
  readonly recorder: RefusalRecorder;
  readonly denials: Denials;
  readonly abuse: AbuseWatch;
  readonly delays: ReplyDelays;
  readonly peerSources: PeerSources;
  readonly content: ContentServices;
  readonly isClosing: () => boolean;
  /** The listener's settings in force. */
  readonly listenerSettings: () => ListenerSettings;
}

export interface SessionPeer {
  readonly id: string;
  /** Canonical IP of the real client. */
  readonly ip: string;
  readonly listener: "mx" | "submission";
}

/** One SMTP session: what the peer said so far, and the budgets that bound it. Verbs change it; the wire carries it. */
export class SmtpSession {
  readonly services: SmtpServices;
  readonly peer: SessionPeer;
  readonly wire: Wire;
  helo: string | undefined;
  isEsmtp = false;
  login: LoginFact | undefined;
  transaction: Transaction | undefined;
  /** The message being read, so that a lost connection gives its memory back. */
  collector: BodyCollector | undefined;
  junkCommands = 0;
  private errors = 0;
  private refusedRecipients = 0;
  private unknownRecipients = 0;
  private overlongLines = 0;
  private authFailures = 0;
  private held: Judged | undefined;
  private hasReachedRecipient = false;
  private readonly peerFacts: PeerFacts;
  private endDelay: () => void = () => {};
  private readonly unknownReferences = new Map<string, Promise<VerdictId | undefined>>();

  constructor(services: SmtpServices, peer: SessionPeer, wire: Wire) {
    this.services = services;
    this.peer = peer;
    this.wire = wire;
    this.peerFacts = new PeerFacts(services.peerSources);
  }

  get settings(): ListenerSettings {
    return this.services.listenerSettings();
  }

  /** Whether verdicts can be given now; before the views have caught up everything is answered 451. */
  get isReady(): boolean {
    return this.services.deps.readiness() && this.services.deps.policy.ready();
  }

  /** Facts of the session, and of the transaction when there is one. */
  facts(): Facts {
    const { transaction } = this;
    const host = this.peerFacts.knownHost(this.peer.ip);
    return {
      at: this.services.deps.clock.now(),
      listener: this.peer.listener,
      ip: this.peer.ip,
      tls: this.wire.tls !== undefined,
      ...(host === undefined ? {} : { host }),
      ...(this.helo === undefined ? {} : { helo: this.helo }),
      ...(this.login === undefined ? {} : { login: this.login }),
      ...(transaction === undefined ? {} : { sender: transaction.sender }),
      ...(transaction?.senderOwner === undefined ? {} : { senderOwner: transaction.senderOwner }),
      ...(transaction?.relayTenant === undefined ? {} : { relayTenant: transaction.relayTenant }),
    };
  }

  /** Judges a phase; `more` answers needs beyond the session's own, such as those of content. */
  judge(phase: Phase, facts: Facts, more?: FetchFacts): Judged | Promise<Judged> {
    const own = this.peerFacts.source();
    const fetch = more === undefined ? own : allSources(own, more);
    return judge({ policy: this.services.deps.policy, fetch }, phase, facts);
  }

  /** With what shadows would have done; `more` looks at the message by their own policies. */
  withShadows(
    phase: "rcpt" | "data",
    judged: Judged,
    more?: (policy: CompiledPolicy) => FetchFacts,
  ): Judged | Promise<Judged> {
    const { policy, shadows } = this.services.deps;
    if (shadows?.running() === undefined) return judged;
    const own = this.peerFacts.source();
    const fetch = (by: CompiledPolicy) => (more === undefined ? own : allSources(own, more(by)));
    const { deps } = this.services;
    return judgeShadows(judged, { deps, policy: policy.current(), phase, fetch, time: this.transaction?.shadowTime });
  }

  /**
   * A verdict before RCPT: a refusal that cannot wait is answered (and `false` returned), another is held: policy finds it
   * again at RCPT, where the recipient's tenant has a say (architecture 7.2).
   */
  async passes(judged: Judged): Promise<boolean> {
    if (judged.verdict.action === "accept") return true;
    if (judged.verdict.immediate) {
      await this.answerRefusal(judged, newId("message"));
      return false;
    }
    this.held = judged;
    return true;
  }

  /** Records a refusal, replies it with its reference, and goes on or closes as the verdict says. */
  async refuse(judged: Judged, done: () => void, notes?: MessageNotes): Promise<void> {
    await this.answerRefusal(judged, this.transaction?.id ?? newId("message"), notes);
    if (judged.verdict.close) this.wire.close();
    else done();
  }

  /** Refuses a recipient; too many of them end the session (harvesting). */
  async refuseRecipient(judged: Judged, done: () => void): Promise<void> {
    // A deferral (too many recipients, full mailbox) is no guess at addresses.
    if (judged.verdict.action === "reject") this.refusedRecipients += 1;
    if (this.transaction !== undefined) this.transaction.refused += 1;
    const recipient = judged.facts.recipient;
    if (recipient?.found.kind === "unknown") this.unknownRecipients += 1;
    // Who has logged in mistypes; who has not may be trying names (a form that names nobody is no try).
    const isGuess = this.login === undefined && recipient?.found.kind === "unknown" && recipient.form === "plain";
    if (isGuess) countGuess(this.services, this.peer.ip);
    await this.refuse(judged, () => {
      const { limits, denials } = this.services;
      const denial = isGuess ? denials.referenceOf(this.peer.ip) : undefined;
      if (denial !== undefined) return this.closeWith(deniedReply(denial));
      const isTooMany =
        this.refusedRecipients > limits.refusedRecipientsMax || this.unknownRecipients > limits.unknownRecipientsMax;
      if (isTooMany) this.closeWith(replies.refusals);
      else done();
    });
  }

  /** Records several verdicts of one refused message and answers the reference of each. */
  references(all: readonly Judged[], notes: MessageNotes): Promise<readonly (VerdictId | undefined)[]> {
    const origin = this.origin(this.transaction?.id ?? newId("message"));
    return Promise.all(
      all.map((judged) => {
        this.count(judged);
        return this.services.recorder.record(judged, origin, notes);
      }),
    );
  }

  /** Answers a command that is wrong in itself; beyond the error budget the session ends. */
  error(reply: string, done: () => void): void {
    if (!this.isWithinErrorBudget()) return;
    this.wire.reply(reply);
    done();
  }

  /** Counts an error; false when the budget is spent and the session was ended. */
  isWithinErrorBudget(): boolean {
    this.errors += 1;
    if (this.errors <= this.services.limits.errorsMax) return true;
    this.closeWith(replies.errors);
    return false;
  }

  /** Counts a command that moves no mail; false when the budget is spent and the session was ended. */
  isWithinJunkBudget(): boolean {
    this.junkCommands += 1;
    if (this.junkCommands <= this.services.limits.junkCommandsMax) return true;
    this.closeWith(replies.junk);
    return false;
  }

  /** RFC 5321 4.5.3.1.4: the limit was passed. Rejects, or closes and denies the address, as the listener says. */
  overlong(isEndless: boolean, done: () => void): void {
    const { denials, limits } = this.services;
    const { ip } = this.peer;
    this.overlongLines += 1;
    const mayDeny = this.settings.overlongAction === "deny" && this.login === undefined && !denials.isExempt(ip);
    if (mayDeny) {
      void denials.deny(ip, "overlong-command", {
        detail: `line ${this.overlongLines} of session ${this.peer.id}`,
      });
      this.closeWith(deniedReply(denials.referenceOf(this.peer.ip)));
    } else if (isEndless || this.overlongLines >= limits.overlongMax) this.closeWith(replies.tooLongClosing);
    else this.error(replies.tooLong, done);
  }

  /** A failed login; false when the session may not try again. */
  isWithinAuthBudget(): boolean {
    this.authFailures += 1;
    return this.authFailures < this.services.limits.authFailuresMax;
  }

  closeWith(reply: string): void {
    this.wire.reply(reply);
    this.wire.close();
  }

  resetTransaction(): void {
    this.transaction = undefined;
  }

  /** RFC 3207 4.2: nothing learnt before TLS counts. */
  tlsStarted(): void {
    this.helo = undefined;
    this.isEsmtp = false;
    this.login = undefined;
    this.resetTransaction();
  }

  /** The connection is gone: a held refusal that no recipient ever saw is still put on record. */
  ended(): void {
    this.collector?.release();
    this.endDelay();
    this.resetTransaction();
    if (this.held === undefined || this.hasReachedRecipient) return;
    const { held } = this;
    this.held = undefined;
    this.count(held);
    void this.services.recorder.record(held, this.origin(newId("message")));
  }

  /** From now on a held refusal is part of the recipients' verdicts. */
  recipientReached(): void {
    this.hasReachedRecipient = true;
  }

  count({ verdict }: Judged): void {
    const { action, phase, reason } = verdict;
    this.services.deps.metrics.verdicts.inc({ action, phase, reason });
  }

  get confirmedName(): string | undefined {
    const host = this.peerFacts.knownHost(this.peer.ip);
    return host?.status === "confirmed" ? host.name : undefined;
  }

  private async answerRefusal(judged: Judged, transactionId: Origin["transactionId"], notes?: MessageNotes) {
    this.count(judged);
    const reference = await this.reference(judged, transactionId, notes);
    this.wire.reply(reference === undefined ? replies.unavailable : refusalReply(judged.verdict, reference));
  }

  /** A session's unknown recipients of one tenant share one event (architecture 7.5). */
  private reference(
    judged: Judged,
    transactionId: Origin["transactionId"],
    notes?: MessageNotes,
  ): Promise<VerdictId | undefined> {
    const record = () => this.services.recorder.record(judged, this.origin(transactionId), notes);
    if (judged.facts.recipient?.found.kind !== "unknown") return record();
    const key = `${judged.verdict.reason} ${judged.verdict.tenantId ?? ""}`;
    const known = this.unknownReferences.get(key);
    if (known !== undefined) return known;
    const fresh = record().then((reference) => {
      if (reference === undefined) this.unknownReferences.delete(key);
      return reference;
    });
    this.unknownReferences.set(key, fresh);
    return fresh;
  }

  /** Holds a reply back, for no longer than the peer waits for it. */
  async holdBack(delayMs: number): Promise<void> {
    const { over, end } = this.services.delays.wait(delayMs);
    this.endDelay = end;
    await over;
  }

  private origin(transactionId: Origin["transactionId"]): Origin {
    return { sessionId: this.peer.id, transactionId };
  }
}
