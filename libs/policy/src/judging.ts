import type { ResellerId, TenantId } from "@mailfold/kernel";
import type { Delivery, ScorePart } from "./content-facts.ts";
import { type IpAddress, parseIp } from "./ip-address.ts";
import type { PolicyState } from "./policy-state.ts";
import { type KnownReason, reasons } from "./reasons.ts";
import {
  type EvaluateOptions,
  engineVersion,
  type Facts,
  type MissingFacts,
  type Need,
  type Phase,
  type TraceLine,
  type Verdict,
} from "./types.ts";

type Asking = { -readonly [Name in keyof Omit<MissingFacts, "needs" | "verdict">]: MissingFacts[Name] };

/** One evaluation under way. */
export interface Judging {
  readonly state: PolicyState;
  readonly phase: Phase;
  readonly facts: Facts;
  readonly ip: IpAddress | undefined;
  /** Lines so far; undefined on the hot path, where only the decisive line is made. */
  readonly trace: TraceLine[] | undefined;
  /** Facts found missing: the evaluation stops and asks for them. */
  readonly needs: Need[];
  /** What whoever fetches them must know. */
  readonly asking: Asking;
  /** Facts of an old verdict: those that newer engines want besides are not asked for. */
  readonly isRecorded: boolean;
  /** Points so far. */
  readonly parts: ScorePart[];
}

/** Starts an evaluation. An IP that cannot be read matches no list, so it opens nothing. */
export function judge(state: PolicyState, phase: Phase, facts: Facts, options: EvaluateOptions): Judging {
  return {
    state,
    phase,
    facts,
    ip: parseIp(facts.ip),
    trace: options.explain === true ? [] : undefined,
    needs: [],
    asking: {},
    isRecorded: options.recorded === true,
    parts: [],
  };
}

/** Needs without which nothing can be decided; every engine version asked for them. */
const indispensable: ReadonlySet<Need> = new Set(["host", "senderOwner", "peerTenant"]);

/** Asks for a fact, unless there is nobody to ask. */
export function ask(judging: Judging, need: Need, asking: Asking = {}): void {
  if (judging.isRecorded && !indispensable.has(need)) return;
  if (!judging.needs.includes(need)) judging.needs.push(need);
  Object.assign(judging.asking, asking);
}

/** On whose account a verdict goes: a tenant, or the platform when both are absent. */
export interface Account {
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
}

/** What a check found that decides: a reason, the scope whose policy said so, and the line that shows it. */
export interface Finding {
  readonly reason: KnownReason;
  readonly phase: Phase;
  readonly line: TraceLine;
  readonly immediate?: boolean;
  readonly close?: boolean;
  /** Instead of the catalogue's: a rule's own words. */
  readonly text?: string;
  readonly delivery?: Delivery;
  /** Without the points of lists the score would not have come to this. */
  readonly byLists?: boolean;
}

/** Adds a line when a trace is wanted; a function, so that the hot path does not build it. */
export function note(judging: Judging, line: () => TraceLine): void {
  judging.trace?.push(line());
}

/** Makes a refusal of a check, or another decision on what becomes of the mail, and notes its line. */
export function refuse(judging: Judging, reason: KnownReason, phase: Phase, line: TraceLine): Finding {
  judging.trace?.push(line);
  return { reason, phase, line };
}

/** Counts points, and notes what for. */
export function addPoints(judging: Judging, part: ScorePart, line: () => TraceLine): void {
  judging.parts.push(part);
  note(judging, line);
}

/** Points of some parts, to two decimals: sums of decimal fractions are not exact. */
function sumOf(parts: readonly ScorePart[]): number {
  let sum = 0;
  for (const { points } of parts) sum += points;
  return Math.round(sum * 100) / 100;
}

/** Points so far. */
export function totalPoints({ parts }: Judging): number {
  return sumOf(parts);
}

/** Parts that say what a list holds, not what the content is. */
const listParts = ["dnsbl/", "phrases/", "urls/"] as const;

/** Points so far without those of lists. */
export function pointsBesideLists({ parts }: Judging): number {
  return sumOf(parts.filter(({ name }) => !listParts.some((list) => name.startsWith(list))));
}

/** Where a recipient's mail goes when it is taken. */
export interface Routing {
  readonly route?: "local" | "relay";
  readonly vouchedBy?: "login" | "ip-entry" | "none";
}

/** Makes the verdict of a finding, on an account. */
export function verdictOf(
  judging: Judging,
  finding: Finding,
  account: Account,
  more: Routing & { readonly delayMs?: number } = {},
): Verdict {
  const { action, code, enhancedCode, text } = reasons[finding.reason];
  const { revision } = judging.state;
  const isTaken = action !== "reject" && action !== "defer";
  const { setAtScope } = finding.line;
  return {
    action,
    code,
    enhancedCode,
    text: finding.text ?? text,
    reason: finding.reason,
    phase: finding.phase,
    scope: setAtScope === undefined || setAtScope === "default" ? "platform" : setAtScope,
    ...(account.tenantId === undefined ? {} : { tenantId: account.tenantId }),
    ...(account.resellerId === undefined ? {} : { resellerId: account.resellerId }),
    ...(revision === undefined ? {} : { policyEvent: revision }),
    engineVersion,
    decisive: finding.line,
    ...(judging.trace === undefined ? {} : { trace: judging.trace }),
    ...(!isTaken || more.route === undefined ? {} : { route: more.route }),
    ...(!isTaken || more.vouchedBy === undefined ? {} : { vouchedBy: more.vouchedBy }),
    immediate: finding.immediate === true,
    close: finding.close === true,
    ...(judging.parts.length === 0 ? {} : { score: totalPoints(judging), scoreParts: judging.parts }),
    ...(finding.delivery === undefined ? {} : { delivery: finding.delivery }),
    ...(finding.byLists === true ? { byLists: true } : {}),
    ...(more.delayMs === undefined ? {} : { delayMs: more.delayMs }),
  };
}
