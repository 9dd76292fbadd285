import type { RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import {
  type EvidenceKind,
  type LearningSettings,
  type ListingDecision,
  type ListScope,
  learn,
  newReputation,
  type Reputation,
  type ReputationInput,
} from "@mailfold/reputation";
import { inputsOf, type SendersByVerdict } from "./evidence-of-event.ts";
import { TenantsOfLog } from "./tenants-of-log.ts";

/** A decision that is to be recorded. Plain data. */
export interface DecidedListing {
  readonly decision: ListingDecision;
  /** The event that led here; absent where time alone did. */
  readonly causeEvent?: string;
  /** Above the scope's tenant. */
  readonly resellerId?: ResellerId;
}

/** Maps events of the log to what is known of senders. The same events in the same order give the same decisions. */
export class ReputationFold {
  readonly #tenants = new TenantsOfLog();
  readonly #senders: SendersByVerdict;
  readonly reputation: Reputation;
  /** Evidence taken since `takeCounts` was asked last. */
  #counts = new Map<EvidenceKind, number>();

  constructor(senders: SendersByVerdict, reputation: Reputation = newReputation()) {
    this.#senders = senders;
    this.reputation = reputation;
  }

  /** Takes note of an event that was folded before: of whose it is, and of the senders it names. */
  recall(event: RecordedEvent): void {
    this.#tenants.note(event);
    if (event.type === "VerdictRecorded") inputsOf(event, this.#tenants, this.#senders);
  }

  /** Folds an event; answers what it decides. Time is told by every event. */
  take(event: RecordedEvent): readonly DecidedListing[] {
    this.#tenants.note(event);
    const decided: DecidedListing[] = [];
    const tell = (input: ReputationInput, causeEvent?: string): void => {
      for (const decision of learn(this.reputation, input).decisions) decided.push(this.#decided(decision, causeEvent));
    };
    tell({ kind: "timePassed", at: event.occurredAt });
    for (const input of inputsOf(event, this.#tenants, this.#senders)) {
      if (input.kind === "timePassed") {
        tell(input);
        continue;
      }
      for (const scope of scopesOf(input)) {
        const settings = this.#changedSettings(scope);
        if (settings) tell({ kind: "settingsChanged", at: event.occurredAt, scope, settings });
      }
      if ("tenant" in input) this.#counts.set(input.kind, (this.#counts.get(input.kind) ?? 0) + 1);
      tell(input, event.id);
    }
    return decided;
  }

  /** When a listing is due to end, ms since the epoch. */
  get dueAt(): number {
    return this.reputation.nextDueAt;
  }

  /** Listings in force, of the platform and of all tenants. */
  listings(): { readonly platform: number; readonly tenants: number } {
    let tenants = 0;
    for (const { scope, listed } of this.reputation.ledgers.values()) if (scope !== "platform") tenants += listed.size;
    return { platform: this.reputation.ledgers.get("platform")?.listed.size ?? 0, tenants };
  }

  /** How much evidence was taken since this was asked last. */
  takeCounts(): ReadonlyMap<EvidenceKind, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }

  #decided(decision: ListingDecision, causeEvent: string | undefined): DecidedListing {
    const { scope } = decision;
    const resellerId = scope === "platform" ? undefined : this.#tenants.tenant(scope)?.resellerId;
    return {
      decision,
      ...(causeEvent === undefined ? {} : { causeEvent }),
      ...(resellerId === undefined ? {} : { resellerId }),
    };
  }

  /** A scope's settings where they are not what the fold was told last. */
  #changedSettings(scope: ListScope): LearningSettings | undefined {
    const tenant = scope === "platform" ? undefined : this.#tenants.tenant(scope as TenantId);
    if (scope !== "platform" && tenant === undefined) return undefined;
    const settings = this.#tenants.learning(tenant ?? "platform");
    const told = this.reputation.settings.get(scope);
    return told !== undefined && isEqual(told, settings) ? undefined : settings;
  }
}

function isEqual(one: LearningSettings, other: LearningSettings): boolean {
  return (Object.keys(one) as (keyof LearningSettings)[]).every((name) => one[name] === other[name]);
}

/** Lists that an input may change. */
function scopesOf(input: ReputationInput): readonly ListScope[] {
  if ("tenant" in input) return [input.tenant.tenantId, "platform"];
  if (!("scope" in input)) return [];
  return input.scope === "platform" ? ["platform"] : [input.scope, "platform"];
}
