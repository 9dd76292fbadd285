import assert from "node:assert/strict";
import type { Platform } from "./platform.ts";

export interface MailboxLogin {
  readonly id: string;
  readonly address: string;
  readonly password: string;
}
export interface Tenant {
  readonly id: string;
  readonly resellerId: string;
  readonly domainId: string;
  readonly domain: string;
  readonly mailboxes: readonly MailboxLogin[];
}

interface Payload {
  readonly errors: readonly { readonly code: string; readonly message: string }[];
  readonly [object: string]: unknown;
}

/** Runs one mutation that answers `{ <object> { id }, errors }`; fails the test on a refusal. */
export async function mutate(
  platform: Platform,
  operation: string,
  selection: string,
  input: Record<string, unknown>,
): Promise<Record<string, never>> {
  const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input!`;
  const query = `mutation($input: ${type}) { ${operation}(input: $input) { ${selection} errors { code message } receipt { position lagging } } }`;
  const data = await platform.graphql<Record<string, Payload>>(query, { input });
  const payload = data[operation];
  assert.deepEqual(payload?.errors, [], `${operation}: ${JSON.stringify(payload?.errors)}`);
  return payload as unknown as Record<string, never>;
}

/** What an ISP's script does: a reseller's tenant with a domain (verified by the platform) and mailboxes. */
export async function provisionTenant(
  platform: Platform,
  name: string,
  options: { readonly resellerId?: string; readonly locals?: readonly string[]; readonly verified?: boolean } = {},
): Promise<Tenant> {
  const domain = `${name}.test`;
  const resellerId =
    options.resellerId ??
    idOf(await mutate(platform, "resellerCreate", "reseller { id }", { name: `reseller of ${name}` }), "reseller");
  const tenantId = idOf(
    await mutate(platform, "tenantCreate", "tenant { id }", { resellerId, name, externalId: name }),
    "tenant",
  );
  const domainId = idOf(await mutate(platform, "domainAdd", "domain { id }", { tenantId, name: domain }), "domain");
  if (options.verified !== false)
    await mutate(platform, "domainVerify", "domain { id }", { domainId, method: "PLATFORM" });
  const mailboxes: MailboxLogin[] = [];
  for (const local of options.locals ?? ["user"]) {
    const address = `${local}@${domain}`;
    const password = `${local}-${name}-password-1`;
    const id = idOf(
      await mutate(platform, "mailboxCreate", "mailbox { id }", { tenantId, address, password }),
      "mailbox",
    );
    mailboxes.push({ id, address, password });
  }
  return { id: tenantId, resellerId, domainId, domain, mailboxes };
}

function idOf(payload: Record<string, never>, object: string): string {
  return (payload[object] as unknown as { id: string }).id;
}
