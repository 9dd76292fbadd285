import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import type { RecordedEvent } from "@mailfold/kernel";
import {
  applyChanges,
  applyPolicyEvent,
  type ChangePlace,
  type ChangeSize,
  type CompiledPolicy,
  changeSize,
  compareSizes,
  emptyPolicy,
  type Facts,
  factsUnder,
  judgeRecorded,
  type Phase,
  type PolicyChange,
  policyEventTypes,
  relevantPlaces,
  rulesPath,
  settingDefinitions,
  tenantsNaming,
  type Verdict,
} from "@mailfold/policy";
import type { Platform } from "./platform.ts";

interface PolicyEventNode {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly data: unknown;
  readonly tenantId: string | null;
  readonly resellerId: string | null;
}
interface Refusal {
  readonly reference: string;
  readonly action: string;
  readonly reason: string;
  readonly phase: Phase;
  readonly policyEvent: string | null;
}
interface Explained {
  readonly facts: Facts;
  readonly verdict: { readonly traceIsExact: boolean };
  readonly counterfactual: {
    readonly none: string | null;
    readonly why: string;
    readonly verdict: { readonly action: string; readonly reason: string } | null;
    readonly change: {
      readonly kind: string;
      readonly scope: { readonly kind: string; readonly id: string | null };
      readonly input: { readonly scope: unknown; readonly changes: readonly PolicyChange[] };
    } | null;
  };
}

/** A policy as it stood from an event on. */
interface Standing {
  readonly revision: string | undefined;
  readonly at: number;
  readonly policy: CompiledPolicy;
}

interface Page<T> {
  readonly page: {
    readonly nodes: readonly T[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

/** Pages of a connection that only goes forward. */
async function pages<T>(platform: Platform, field: string, rest: string): Promise<readonly T[]> {
  const found: T[] = [];
  for (let after: string | null = null; ; ) {
    const query = `query($after: String) { page: ${field}(first: 100, after: $after${rest} pageInfo { hasNextPage endCursor } } }`;
    const { page }: Page<T> = await platform.graphql<Page<T>>(query, { after });
    found.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return found;
    after = page.pageInfo.endCursor;
  }
}

/** Folds the policy anew from the audit trail, keeping what stood after each event. */
async function standingPolicies(platform: Platform): Promise<readonly Standing[]> {
  const types = JSON.stringify(policyEventTypes);
  const events = await pages<PolicyEventNode>(
    platform,
    "auditEvents",
    `, where: {types: ${types}}) { nodes { id type at data tenantId resellerId }`,
  );
  let policy = emptyPolicy();
  const standing: Standing[] = [{ revision: undefined, at: 0, policy }];
  for (const { at, data, id, resellerId, tenantId, type } of events) {
    const occurredAt = Date.parse(at);
    const metadata = { ...(tenantId === null ? {} : { tenantId }), ...(resellerId === null ? {} : { resellerId }) };
    policy = applyPolicyEvent(policy, { id, type, data, metadata, occurredAt } as unknown as RecordedEvent);
    standing.push({ revision: policy.revision, at: occurredAt, policy });
  }
  return standing;
}

/**
 * Asks explain about every mail of this platform that was not accepted. Each change that it names is made on the policy of
 * then, folded anew, and turns the verdict; where it names none, the platform could not have changed it either. Answers how
 * often each reason was turned by which kind of change.
 */
async function explainEveryRefusal(platform: Platform): Promise<Readonly<Record<string, number>>> {
  const verdicts = await pages<Refusal>(
    platform,
    "verdicts",
    ") { nodes { reference action reason phase policyEvent }",
  );
  const refusals = verdicts.filter(({ action }) => action !== "accept");
  const standing = await standingPolicies(platform);
  const turned: Record<string, number> = {};
  for (const refusal of refusals) {
    const kind = await checkRefusal(platform, refusal, standing);
    const key = `${refusal.reason}: ${kind}`;
    turned[key] = (turned[key] ?? 0) + 1;
  }
  return turned;
}

/** What the sweep takes for a change worth trying; told by the settings' table alone, not by what was looked at. */
function triedValues(name: string, words: string, facts: Facts): readonly SettingValue[] {
  if (name === "virusScanner" || name === "virusAction" || name === "rules") return [];
  const choices = [...words.matchAll(/`([^`]+)`|\b(true|false)\b/g)].map(([, word, flag]) => word ?? flag === "true");
  const seen = new Set<number>([0, 1, 100, 1_000, 100_000, 100_000_000]);
  for (const [text] of JSON.stringify(facts).matchAll(/\b\d{1,9}\b/g)) seen.add(Number(text)).add(Number(text) + 1);
  return [...choices, ...seen];
}

/** Single changes that are smaller than one of a size, without a size all that there are. */
function* smallerChanges(
  policy: CompiledPolicy,
  facts: Facts,
  { places, size }: { readonly places: readonly ChangePlace[]; readonly size: ChangeSize | undefined },
): Generator<{ readonly place: ChangePlace; readonly change: PolicyChange }> {
  const address = facts.sender?.address ?? "";
  const patterns = [facts.ip, ...(address === "" ? [] : [address, `@${address.split("@")[1]}`])];
  for (const place of places) {
    const changes: readonly PolicyChange[] = [
      ...patterns.map((pattern): PolicyChange => ({ entryAdd: { list: "accept", pattern } })),
      ...patterns.map((pattern): PolicyChange => ({ entryRemove: { list: "kill", pattern } })),
      ...settingDefinitions.flatMap(({ name, values }) =>
        triedValues(name, values, facts).map((value): PolicyChange => ({ set: { [name]: value } })),
      ),
    ];
    for (const change of changes) {
      const isSmaller = size === undefined || compareSizes(changeSize(policy, place, change), size) < 0;
      if (isSmaller) yield { place, change };
    }
  }
}

/** The last test of a file: every refusal that its tests led to is explained. */
export function testEveryRefusal(platform: () => Platform): void {
  describe("explain", () => {
    test("each refusal is explained by a change that would have turned it, or by none", async (t) => {
      const turned = await explainEveryRefusal(platform());
      assert.ok(Object.keys(turned).length > 0, "there were refusals");
      t.diagnostic(JSON.stringify(turned));
    });
  });
}

const explainQuery = `query($reference: String!) {
  explain(reference: $reference) { facts verdict { traceIsExact } counterfactual } }`;

async function checkRefusal(platform: Platform, refusal: Refusal, standing: readonly Standing[]): Promise<string> {
  const { action, phase, reason, reference } = refusal;
  const { explain } = await platform.graphql<{ explain: Explained }>(explainQuery, { reference });
  const { counterfactual, facts, verdict } = explain;
  const told = `${reference} ${reason}: ${counterfactual.why}`;
  assert.equal(verdict.traceIsExact, true, told);
  const policy = standing.findLast(
    (each) => each.revision === (refusal.policyEvent ?? undefined) && each.at <= facts.at,
  );
  assert.ok(policy, told);
  const before = judgeRecorded(policy.policy, { facts, phase });
  assert.ok(before, told);
  assert.deepEqual([before.action, before.reason], [action, reason], told);
  const { change, none } = counterfactual;
  const places = [...relevantPlaces(facts, before), ...tenantsNaming(policy.policy, facts)];
  const judgeWith = (at: ChangePlace, tried: readonly PolicyChange[]): Verdict | undefined => {
    const made = applyChanges(policy.policy, at, tried);
    if (!("policy" in made)) return undefined;
    const under = factsUnder(facts, rulesPath(facts, before), { before: policy.policy, after: made.policy });
    return under && judgeRecorded(made.policy, { facts: under, phase });
  };
  const place = places.find(({ scope }) => {
    return scope.kind === change?.scope.kind && (scope.kind === "platform" || scope.id === change.scope.id);
  });
  const [named] = change?.input.changes ?? [];
  const size = place && named && changeSize(policy.policy, place, named);
  for (const { change: other, place: at } of smallerChanges(policy.policy, facts, { places, size })) {
    assert.notEqual(
      judgeWith(at, [other])?.action,
      "accept",
      `${told}: ${JSON.stringify(other)} at ${at.scope.kind} scope`,
    );
  }
  if (change === null) {
    // Nothing lies above the platform.
    assert.ok(none === "not-policy" || none === "unsafe", told);
    return none;
  }
  assert.ok(place, told);
  const after = judgeWith(place, change.input.changes);
  assert.deepEqual([after?.action, after?.reason], ["accept", counterfactual.verdict?.reason], told);
  await tryOut(platform, change, told);
  return change.kind;
}

/** What the policy of today may not let anybody do any more, or has undone already. */
const bygone = new Set(["UNLOCK_REQUIRED", "SETTING_LOCKED", "SETTING_OUT_OF_BOUND", "NOT_FOUND", "SHADOWS_FULL"]);

/** The change in the form that it is given in is one that can be tried. */
async function tryOut(
  platform: Platform,
  { input }: NonNullable<Explained["counterfactual"]["change"]>,
  told: string,
): Promise<void> {
  // In GraphQL the names of lists are in capitals, and who is listed is written as a pattern.
  const changes = input.changes.map((change) => JSON.parse(JSON.stringify(change), toInput) as unknown);
  const query = `mutation($input: ShadowStartInput!) { shadowStart(input: $input) { errors { code message } } }`;
  const data = await platform.graphql<{ shadowStart: { errors: { code: string; message: string }[] } }>(query, {
    input: { scope: input.scope, changes, dryRun: true },
  });
  const errors = data.shadowStart.errors.filter(({ code }) => !bygone.has(code));
  assert.deepEqual(errors, [], told);
}

function toInput(key: string, value: unknown): unknown {
  if (key === "list" && typeof value === "string") return value.toUpperCase();
  if (key !== "pardon") return value;
  const { kind, value: subject } = value as { readonly kind: string; readonly value: string };
  return { subject: kind === "domain" ? `@${subject}` : subject };
}
