import assert from "node:assert/strict";
import type { Platform } from "./platform.ts";
import type { Tenant } from "./provision.ts";

/** An entry of a quarantine, as far as tests look at it. */
export interface HeldEntry {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly recipient: string;
  readonly sender: string;
  readonly subject: string | null;
  readonly messageId: string | null;
  readonly reason: string | null;
  readonly settledBy: string | null;
}
interface Page {
  readonly quarantine: {
    readonly nodes: readonly HeldEntry[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

const fields = "id kind status recipient sender subject messageId reason settledBy";

/** All entries of a tenant, newest first. */
export async function heldEntries(
  platform: Platform,
  tenant: Pick<Tenant, "id">,
  options: { readonly where?: Record<string, unknown>; readonly token?: string } = {},
): Promise<readonly HeldEntry[]> {
  const query = `query($t: ID, $after: String, $where: QuarantineWhere) {
    quarantine(scope: {tenantId: $t}, first: 100, after: $after, where: $where) { nodes { ${fields} } pageInfo { hasNextPage endCursor } } }`;
  const found: HeldEntry[] = [];
  for (let after: string | null = null; ; ) {
    const variables: Record<string, unknown> = { t: tenant.id, after, where: options.where ?? {} };
    const page: Page = await platform.graphql<Page>(query, variables, options.token);
    const { nodes, pageInfo } = page.quarantine;
    found.push(...nodes);
    after = pageInfo.endCursor;
    if (!pageInfo.hasNextPage) return found;
  }
}

/** The one entry that matches, once the view shows it. */
export async function heldEntry(
  platform: Platform,
  tenant: Pick<Tenant, "id">,
  where: Record<string, unknown>,
): Promise<HeldEntry> {
  for (const deadline = Date.now() + 10_000; ; ) {
    const [entry, ...more] = await heldEntries(platform, tenant, { where });
    assert.equal(more.length, 0, `several entries match ${JSON.stringify(where)}`);
    if (entry !== undefined) return entry;
    assert.ok(Date.now() < deadline, `no entry matches ${JSON.stringify(where)} after 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface EndResult {
  readonly entry: { readonly status: string } | null;
  readonly accepted: { readonly pattern: string } | null;
  readonly errors: readonly { readonly code: string }[];
}

/** Releases or deletes copies; one result each. */
export async function endHeld(
  platform: Platform,
  operation: "quarantineRelease" | "quarantineDelete",
  input: { readonly ids: readonly string[]; readonly acceptSender?: boolean },
  token?: string,
): Promise<readonly EndResult[]> {
  const type = operation === "quarantineRelease" ? "QuarantineReleaseInput" : "QuarantineDeleteInput";
  const query = `mutation($input: ${type}!) { ${operation}(input: $input) {
    results { entry { status } accepted { pattern } errors { code } } errors { code message } } }`;
  type Answer = Record<string, { readonly results: readonly EndResult[]; readonly errors: readonly unknown[] }>;
  const payload = (await platform.graphql<Answer>(query, { input }, token))[operation];
  assert.deepEqual(payload?.errors, []);
  return payload?.results ?? [];
}
