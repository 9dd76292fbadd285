import { scopeId } from "@mailfold/domain";
import type { ShadowVerdict } from "@mailfold/events";
import {
  applyChanges,
  type ChangePlace,
  type CompiledPolicy,
  type Facts,
  factsUnder,
  judgeRecorded,
  type PolicyChange,
  relevantPlaces,
  rulesPath,
  type Verdict,
} from "@mailfold/policy";
import type { FetchFacts } from "../fact-source.ts";
import { type Judged, judge } from "../judge.ts";
import type { SmtpDeps } from "../smtp-deps.ts";
import type { RunningShadow } from "./shadow-source.ts";
import { ShadowTime } from "./shadow-time.ts";

/** What shadows are judged with. */
export interface ShadowJudging {
  readonly deps: Pick<SmtpDeps, "shadows" | "log"> & { readonly metrics: Pick<SmtpDeps["metrics"], "shadowVerdicts"> };
  readonly policy: CompiledPolicy;
  readonly phase: "rcpt" | "data";
  /** Looks up what a shadow asks for besides, by its own policy. */
  readonly fetch: (policy: CompiledPolicy) => FetchFacts;
  /** What is left of the message's; what comes later was not asked. */
  readonly time?: ShadowTime | undefined;
}

const compiled = new WeakMap<CompiledPolicy, WeakMap<object, CompiledPolicy | undefined>>();

/** A shadow's policy; undefined where its changes cannot be made any more (an entry that is gone). */
function policyOf(base: CompiledPolicy, place: ChangePlace, shadow: RunningShadow): CompiledPolicy | undefined {
  const known = compiled.get(base) ?? new WeakMap<object, CompiledPolicy | undefined>();
  compiled.set(base, known);
  if (!known.has(shadow.changes)) {
    // What is compiled of rules is kept by this name, so it must tell shadows and policies apart.
    const changed = applyChanges(base, place, shadow.changes, `${shadow.shadowId}@${base.revision}`);
    known.set(shadow.changes, "policy" in changed ? changed.policy : undefined);
  }
  return known.get(shadow.changes);
}

/**
 * Whether a shadow of a place may judge a verdict: its report tells what was done, which is the business of the tenant whose
 * verdict it is, not of another that hosts the sender.
 */
function mayJudge({ path }: ChangePlace, { recipient }: Facts, account: Verdict): boolean {
  if (recipient === undefined || recipient.found.kind === "foreign") return true;
  const isTenants = path.tenantId === undefined || path.tenantId === account.tenantId;
  return isTenants && (path.resellerId === undefined || path.resellerId === account.resellerId);
}

/**
 * A judged recipient with what the shadows of its scopes would have done: judged on the same facts, with what their changes
 * ask for besides. Nothing of it is enforced, and no fault of it reaches the mail. The same object when no shadow runs there.
 */
export async function judgeShadows(judged: Judged, judging: ShadowJudging): Promise<Judged> {
  try {
    return await (judging.time ?? new ShadowTime()).spend((leftMs) => judgeAll(judged, judging, leftMs));
  } catch (error) {
    failed(judging, error);
    return judged;
  }
}

function failed({ deps }: ShadowJudging, error: unknown, shadow?: RunningShadow): undefined {
  deps.metrics.shadowVerdicts.inc({ outcome: "failed" });
  deps.log.warn({ err: error, shadowId: shadow?.shadowId }, "a shadow could not be judged");
}

async function judgeAll(judged: Judged, judging: ShadowJudging, leftMs: number): Promise<Judged> {
  const running = judging.deps.shadows?.running();
  if (running === undefined) return judged;
  const { facts, verdict } = judged;
  const places = relevantPlaces(facts, verdict).filter((place) => mayJudge(place, facts, verdict));
  const tasks = places.flatMap((place) =>
    (running.get(scopeId(place.scope)) ?? [])
      .filter(({ expiresAt }) => expiresAt > facts.at)
      .map((shadow) =>
        judgeShadow(judged, judging, { place, shadow, leftMs }).catch((error: unknown) =>
          failed(judging, error, shadow),
        ),
      ),
  );
  if (tasks.length === 0) return judged;
  const shadows = (await Promise.all(tasks)).filter((each) => each !== undefined);
  return shadows.length === 0 ? judged : { ...judged, shadows };
}

async function judgeShadow(
  { facts, verdict: real }: Judged,
  { deps, fetch, phase, policy }: ShadowJudging,
  { leftMs, place, shadow }: { readonly place: ChangePlace; readonly shadow: RunningShadow; readonly leftMs: number },
): Promise<ShadowVerdict | undefined> {
  const { changes, shadowId } = shadow;
  const own = policyOf(policy, place, shadow);
  if (own === undefined) return undefined;
  const asked = factsFor(facts, changes, { before: policy, after: own, real });
  const source = { current: () => own, ready: () => true };
  const late = judgeRecorded(own, { facts: asked, phase });
  const verdict = await within(async () => (await judge({ policy: source, fetch: fetch(own) }, phase, asked)).verdict, {
    late,
    leftMs,
  });
  if (verdict === undefined) return undefined;
  const isSame = verdict.action === real.action && verdict.reason === real.reason;
  deps.metrics.shadowVerdicts.inc({ outcome: isSame ? "same" : "different" });
  return isSame ? { shadowId } : { shadowId, action: verdict.action, reason: verdict.reason };
}

/** A fault of a look-up is no verdict of the shadow, and never the mail's. */
async function within(
  work: () => Promise<Verdict>,
  { late, leftMs }: { readonly late: Verdict | undefined; readonly leftMs: number },
): Promise<Verdict | undefined> {
  // Without time nothing more is looked up.
  if (leftMs === 0) return late;
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<Verdict | undefined>((resolve) => {
    timer = setTimeout(() => resolve(late), leftMs);
  });
  try {
    return await Promise.race([work().catch(() => late), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Facts that were found by the settings that a change touches are found again. */
const foundBy: readonly (readonly [setting: string, fact: "findings" | "scan" | "dnsLists"])[] = [
  ["phraseList", "findings"],
  ["urlDenyList", "findings"],
  ["contentChecks", "findings"],
  ["spamScanner", "scan"],
  ["virusScanner", "scan"],
  ["dnsbl", "dnsLists"],
];

function touched(change: PolicyChange): readonly string[] {
  if ("set" in change) return Object.keys(change.set);
  return "unset" in change ? change.unset : [];
}

function factsFor(
  facts: Facts,
  changes: readonly PolicyChange[],
  { after, before, real }: { readonly before: CompiledPolicy; readonly after: CompiledPolicy; readonly real: Verdict },
): Facts {
  const names = new Set(changes.flatMap(touched));
  const stale = new Set<string>(foundBy.filter(([setting]) => names.has(setting)).map(([, fact]) => fact));
  const told = factsUnder(facts, rulesPath(facts, real), { before, after });
  if (told === undefined) stale.add("rules");
  const known = told ?? facts;
  return stale.size === 0 ? known : withoutStale(known, stale);
}

function withoutStale(facts: Facts, stale: ReadonlySet<string>): Facts {
  const keep = <T extends object>(from: T): T => {
    return Object.fromEntries(Object.entries(from).filter(([name]) => !stale.has(name))) as T;
  };
  const { content } = facts;
  return { ...keep(facts), ...(content === undefined ? {} : { content: keep(content) }) };
}
