import type { MailboxId, ResellerId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import type { Evidence, EvidenceKind, EvidenceTenant } from "./evidence.ts";
import { type LearningOutcome, learn, type ReputationInput } from "./learn.ts";
import { newReputation, type Reputation } from "./ledger.ts";
import type { ListingDecision } from "./listing.ts";

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
/** All stories begin here; tenants are older by default. */
export const startAt = Date.UTC(2026, 0, 1);

/** A tenant, by number; three tenants a reseller unless told. */
export function tenantNo(index: number, more: Partial<EvidenceTenant> = {}): EvidenceTenant {
  return {
    tenantId: `ten_${index}` as TenantId,
    resellerId: `rsl_${Math.floor(index / 3)}` as ResellerId,
    createdAt: startAt - 365 * dayMs,
    ...more,
  };
}
export const mailbox = (tenant: EvidenceTenant, index: number): MailboxId =>
  `mbx_${tenant.tenantId}_${index}` as MailboxId;

interface Told extends Partial<Omit<Evidence, "message" | "reporter">> {
  readonly reporter?: number;
  readonly message?: string;
  readonly messageAt?: number;
  readonly taken?: boolean;
  readonly ip?: string;
}

/** Tells a fold one thing, after what a platform in use tells it in between: something every day. */
export function learnDaily(reputation: Reputation, input: ReputationInput): LearningOutcome {
  const decisions: ListingDecision[] = [];
  while (reputation.now !== 0 && input.at - reputation.now > dayMs) {
    decisions.push(...learn(reputation, { kind: "timePassed", at: reputation.now + dayMs }).decisions);
  }
  const outcome = learn(reputation, input);
  return { ...outcome, decisions: [...decisions, ...outcome.decisions] };
}

/** Tells a fold one thing after the other; every message is accepted unless told to be refused. */
export class Story {
  readonly reputation: Reputation;
  readonly decisions: ListingDecision[] = [];
  at = startAt;
  #count = 0;

  constructor(reputation: Reputation = newReputation()) {
    this.reputation = reputation;
  }

  wait(durationMs: number): this {
    this.at += durationMs;
    this.tell({ kind: "timePassed", at: this.at });
    return this;
  }

  tell(input: ReputationInput): readonly ListingDecision[] {
    const { decisions } = learnDaily(this.reputation, input);
    this.decisions.push(...decisions);
    return decisions;
  }

  /** One evidence, of tenant 0 and 192.0.2.1 unless told otherwise. */
  evidence(kind: EvidenceKind, told: Told = {}): Evidence {
    const { reporter, message, messageAt, taken, ip, ...rest } = told;
    const tenant = told.tenant ?? tenantNo(0);
    const id = told.id ?? `e${this.#count++}`;
    return {
      kind,
      id,
      at: this.at,
      tenant,
      peer: { ip: ip ?? "192.0.2.1" },
      ...(kind === "unknownRecipient"
        ? {}
        : { message: { key: message ?? id, at: messageAt ?? this.at, taken: taken ?? true } }),
      ...(reporter === undefined ? {} : { reporter: mailbox(tenant, reporter) }),
      ...rest,
    };
  }

  give(kind: EvidenceKind, told: Told = {}): readonly ListingDecision[] {
    return this.tell(this.evidence(kind, told));
  }

  /** A mail that is accepted and then marked as spam by a mailbox. */
  spam(reporter: number, told: Told = {}): readonly ListingDecision[] {
    const message = told.message ?? `m${this.#count++}`;
    this.give("accepted", { ...told, message });
    return this.give("userSpam", { ...told, message, reporter });
  }

  /** Mail from elsewhere, so that tenants have volume. */
  volume(tenants: readonly EvidenceTenant[], mails = 60): this {
    for (const tenant of tenants)
      for (let mail = 0; mail < mails; mail++) this.give("accepted", { tenant, ip: "203.0.113.250" });
    return this;
  }

  says(): readonly string[] {
    return this.decisions.map((decision) =>
      decision.type === "listed"
        ? `${decision.scope} ${decision.subject.kind} ${decision.change} ${decision.action}`
        : `${decision.scope} ${decision.subject.kind} ${decision.cause}`,
    );
  }
}

const kinds = fc.oneof(
  { arbitrary: fc.constant<EvidenceKind>("userSpam"), weight: 6 },
  { arbitrary: fc.constant<EvidenceKind>("contentSpam"), weight: 5 },
  { arbitrary: fc.constantFrom<EvidenceKind>("userNotSpam", "trap", "unknownRecipient", "read", "replied"), weight: 4 },
  { arbitrary: fc.constant<EvidenceKind>("accepted"), weight: 2 },
);
const pauses = fc.oneof(
  { arbitrary: fc.integer({ min: 0, max: 60_000 }), weight: 6 },
  { arbitrary: fc.integer({ min: 0, max: dayMs }), weight: 2 },
  { arbitrary: fc.integer({ min: 0, max: 30 * dayMs }), weight: 1 },
);
const step = fc.record({
  kind: kinds,
  pauseMs: pauses,
  tenant: fc.integer({ min: 0, max: 5 }),
  reporter: fc.integer({ min: 0, max: 2 }),
  message: fc.integer({ min: 0, max: 25 }),
  ip: fc.integer({ min: 1, max: 5 }),
  isAligned: fc.boolean(),
  times: fc.integer({ min: 1, max: 4 }),
});

export interface RandomOptions {
  readonly stepsMax?: number;
  /** Every mark is on a message of its own, and no cap is ever reached. */
  readonly uncapped?: boolean;
}

/** Mail that makes the six tenants witnesses, before any random evidence. */
export const earlierMail: readonly Evidence[] = [0, 1, 2, 3, 4, 5].flatMap((index) => {
  const story = new Story();
  return Array.from({ length: 400 }, (_mail, mail) =>
    story.evidence("accepted", { id: `v${index}.${mail}`, tenant: tenantNo(index), ip: "203.0.113.250" }),
  );
});

/** Random evidence of six tenants about five addresses of one network and one domain, in log order. */
export function randomEvidence({
  stepsMax = 80,
  uncapped = false,
}: RandomOptions = {}): fc.Arbitrary<readonly Evidence[]> {
  return fc.array(step, { minLength: 1, maxLength: stepsMax, size: "max" }).map((steps) => {
    const story = new Story();
    const list: Evidence[] = [];
    const cameAt = new Map<string, number>();
    steps.forEach(({ kind, pauseMs, tenant, ip, reporter, message: text, isAligned, times }, index) => {
      story.at += uncapped ? pauseMs % (2 * dayMs) : pauseMs;
      const isCapped = uncapped && (kind === "unknownRecipient" || kind === "read" || kind === "replied");
      for (let time = 0; time < (uncapped ? 1 : times); time++) {
        const message = uncapped ? `u${index}` : `m${tenant}.${reporter}.${(text + time) % 26}`;
        // A message came once, whatever is said of it later.
        const messageAt = cameAt.get(message) ?? story.at;
        cameAt.set(message, messageAt);
        const shared = {
          tenant: tenantNo(tenant),
          ip: `192.0.2.${ip}`,
          ...(isAligned ? { alignedDomain: "mail.example", sender: "news@mail.example" } : {}),
          message,
          messageAt,
          taken: kind !== "contentSpam" || text % 2 === 0,
        };
        if (text % 3 !== 0 && shared.taken) list.push(story.evidence("accepted", shared));
        const isUsers = kind.startsWith("user") || kind.startsWith("re");
        const by = uncapped ? index : reporter;
        list.push(
          story.evidence(isCapped ? "contentSpam" : kind, {
            ...shared,
            ...(isUsers && !isCapped ? { reporter: by } : {}),
          }),
        );
      }
    });
    return list;
  });
}

const sparseStep = fc.record({
  kind: fc.constantFrom<EvidenceKind>("userSpam", "userSpam", "userSpam", "contentSpam", "accepted", "userNotSpam"),
  reporter: fc.integer({ min: 0, max: 7 }),
  pauseMs: fc.oneof(
    { arbitrary: fc.constant(hourMs), weight: 5 },
    { arbitrary: fc.integer({ min: dayMs, max: 4 * dayMs }), weight: 2 },
    { arbitrary: fc.integer({ min: 5 * dayMs, max: 25 * dayMs }), weight: 1 },
  ),
  times: fc.integer({ min: 1, max: 6 }),
});

/** Random evidence of one tenant about one address, which is nearly forgotten again and again. */
export const sparseEvidence: fc.Arbitrary<readonly Evidence[]> = fc
  .array(sparseStep, { minLength: 4, maxLength: 30, size: "max" })
  .map((steps) => {
    const story = new Story();
    return steps.flatMap(({ kind, reporter, pauseMs, times }) => {
      story.at += pauseMs;
      return Array.from({ length: times }, (_time, time) => {
        const message = `s${story.at}.${time}`;
        const said = story.evidence(kind, {
          message,
          ...(kind.startsWith("user") ? { reporter: (reporter + time) % 8 } : {}),
        });
        return kind === "accepted" ? [said] : [story.evidence("accepted", { message }), said];
      }).flat();
    });
  });
