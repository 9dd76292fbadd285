import assert from "node:assert/strict";
import type { Platform } from "./platform.ts";
import { mutate } from "./provision.ts";
import { type DialogueOptions, type Letter, type Reply, sendLetter } from "./smtp-dialogue.ts";

export type Scope =
  | { readonly platform: true }
  | { readonly resellerId: string }
  | { readonly tenantId: string }
  | { readonly domainId: string }
  | { readonly mailboxId: string };
export const everywhere: Scope = { platform: true };

/** Sets settings at a scope; the test fails on a refusal. The answer comes once the policy is in force. */
export async function setPolicy(platform: Platform, scope: Scope, set: Record<string, unknown>): Promise<void> {
  await mutate(platform, "policyUpdate", "policy { scope { kind } }", { scope, set });
}

/** As setPolicy for what must be refused; answers the refusal, `undefined` when it was taken. */
export async function refusedPolicy(
  platform: Platform,
  scope: Scope,
  set: Record<string, unknown>,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  const data = await platform.graphql<{ policyUpdate: { errors: readonly { code: string; message: string }[] } }>(
    "mutation($input: PolicyUpdateInput!) { policyUpdate(input: $input) { errors { code message } } }",
    { input: { scope, set } },
  );
  return data.policyUpdate.errors[0];
}

export interface NewEntry {
  readonly list: "ACCEPT" | "KILL";
  readonly pattern: string;
  readonly expiresAt?: string;
  readonly trustUnverified?: boolean;
}

/** Adds an entry of an accept or kill list; answers its id. */
export async function addEntry(platform: Platform, scope: Scope, entry: NewEntry): Promise<string> {
  const payload = await mutate(platform, "senderEntryAdd", "entry { id }", { scope, ...entry });
  return (payload.entry as unknown as { id: string }).id;
}

interface TraceLine {
  readonly step: string;
  readonly outcome: string;
  readonly setting: string | null;
  readonly setAtScope: string | null;
  readonly byEvent: string | null;
  readonly detail: string | null;
}
export interface Explained {
  readonly reference: string;
  readonly action: string;
  readonly code: number;
  readonly reason: string;
  readonly tenantId: string | null;
  readonly recipient: string | null;
  readonly trace: readonly TraceLine[];
  readonly traceIsExact: boolean;
}

const verdictFields =
  "reference action code reason tenantId recipient traceIsExact trace { step outcome setting setAtScope byEvent detail }";

/** The verdict on record behind a reply's reference (`vrd_...`, or `msg_...` of a message taken), explained. */
export async function explained(platform: Platform, reference: string): Promise<Explained> {
  assert.match(reference, /^(vrd|msg)_/, "the reply ends in a reference");
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    const [verdict] = reference.startsWith("msg_")
      ? await verdictsOf(platform, { transactionId: reference })
      : [await explain(platform, reference)];
    if (verdict != null) return verdict;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`there is no verdict ${reference}`);
}

async function verdictsOf(platform: Platform, where: Record<string, unknown>): Promise<readonly Explained[]> {
  const data = await platform.graphql<{ verdicts: { nodes: readonly Explained[] } }>(
    `query($where: VerdictWhere) { verdicts(first: 10, where: $where) { nodes { ${verdictFields} } } }`,
    { where },
  );
  return data.verdicts.nodes;
}

async function explain(platform: Platform, reference: string): Promise<Explained | undefined> {
  const data = await platform.graphql<{ explain: { verdict: Explained | null } | null }>(
    `query($reference: String!) { explain(reference: $reference) { verdict { ${verdictFields} } } }`,
    { reference },
  );
  return data.explain?.verdict ?? undefined;
}

/** The reference that a reply's text ends in. */
export function referenceIn(reply: Reply): string {
  return /\b(?:vrd|msg)_[0-9a-z]+/.exec(reply.text)?.[0] ?? "";
}

/** What became of a letter: `code reason`, or `code text` where no verdict stands behind the last reply. */
export async function outcomeOf(
  platform: Platform,
  options: Omit<DialogueOptions, "port"> & { readonly port?: number; readonly startTls?: boolean },
  letter: Letter,
): Promise<string> {
  const { final } = await sendLetter({ port: platform.ports.smtp, ...options }, letter);
  return outcomeOfReply(platform, final);
}

/** `code reason`, or `code text` where no verdict stands behind the reply. */
export async function outcomeOfReply(platform: Platform, reply: Reply): Promise<string> {
  const reference = referenceIn(reply);
  if (reference === "") return `${reply.code} ${reply.text}`;
  const verdict = await explained(platform, reference);
  assert.equal(verdict.code, reply.code, "the recorded code is the one answered");
  return `${reply.code} ${verdict.reason}`;
}
