import type { ResellerId, TenantId } from "@mailfold/kernel";
import { type IpAddress, parseIp } from "./ip-address.ts";
import type { PolicyState } from "./policy-state.ts";
import { type KnownReason, reasons } from "./reasons.ts";
import { engineVersion, type Facts, type Need, type Phase, type TraceLine, type Verdict } from "./types.ts";

/** One evaluation under way. */
export interface Judging {
  readonly state: PolicyState;
  readonly facts: Facts;
  readonly ip: IpAddress | undefined;
  /** Lines so far; undefined on the hot path, where only the decisive line is made. */
  readonly trace: TraceLine[] | undefined;
  /** Facts found missing: the evaluation stops and asks for them. */
  readonly needs: Need[];
  /** Whose state the need `peerTenant` asks for. */
  needTenant: TenantId | undefined;
}

/** Starts an evaluation. An IP that cannot be read matches no list, so it opens nothing. */
export function judge(state: PolicyState, facts: Facts, explain: boolean): Judging {
  return { state, facts, ip: parseIp(facts.ip), trace: explain ? [] : undefined, needs: [], needTenant: undefined };
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
}

/** Adds a line when a trace is wanted; a function, so that the hot path does not build it. */
export function note(judging: Judging, line: () => TraceLine): void {
  judging.trace?.push(line());
}

/** Makes a refusal of a check and notes its line. */
export function refuse(judging: Judging, reason: KnownReason, phase: Phase, line: TraceLine): Finding {
  judging.trace?.push(line);
  return { reason, phase, line };
}

/** Where an accepted recipient's mail goes. */
export interface Routing {
  readonly route?: "local" | "relay";
  readonly vouchedBy?: "login" | "ip-entry" | "none";
}

/** Makes the verdict of a finding, on an account. */
export function verdictOf(judging: Judging, finding: Finding, account: Account, routing: Routing = {}): Verdict {
  const { action, code, enhancedCode, text } = reasons[finding.reason];
  const { revision } = judging.state;
  return {
    action,
    code,
    enhancedCode,
    text,
    reason: finding.reason,
    phase: finding.phase,
    scope:
      finding.line.setAtScope === undefined || finding.line.setAtScope === "default"
        ? "platform"
        : finding.line.setAtScope,
    ...(account.tenantId === undefined ? {} : { tenantId: account.tenantId }),
    ...(account.resellerId === undefined ? {} : { resellerId: account.resellerId }),
    ...(revision === undefined ? {} : { policyEvent: revision }),
    engineVersion,
    decisive: finding.line,
    ...(judging.trace === undefined ? {} : { trace: judging.trace }),
    ...(action !== "accept" || routing.route === undefined ? {} : { route: routing.route }),
    ...(action !== "accept" || routing.vouchedBy === undefined ? {} : { vouchedBy: routing.vouchedBy }),
    immediate: finding.immediate === true,
    close: finding.close === true,
  };
}
