import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type HeldEntry, heldEntries } from "./held-mail.ts";
import { messageIdCounts } from "./imap-reader.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

/** What a tenant's policy answers after DATA. */
const actions = ["accept", "reject", "defer", "quarantine", "discard"] as const;
type Action = (typeof actions)[number];
const names = ["one", "two", "six"] as const;
type Combination = readonly Action[];
const combinations: readonly Combination[] = actions.flatMap((a) =>
  actions.flatMap((b) => actions.map((c) => [a, b, c] as const)),
);

let sink: SmtpSink;
let platform: Platform;
const tenants: Tenant[] = [];
/** The code each letter was answered with. */
const answered = new Map<string, number>();

const idOf = (combination: Combination) => `<${combination.join("-")}@sender.example>`;
/** The recipient at a tenant: one mailbox waits for a scanner that is down, the other has none. */
const mailboxOf = (tenant: Tenant, action: Action) => tenant.mailboxes[action === "defer" ? 1 : 0] as MailboxLogin;

/** Architecture, "A mail's way in": all reject -> 5xx; none taken and any defer -> 4xx; else 250. */
function codeOf(combination: Combination): number {
  if (combination.every((action) => action === "reject")) return 550;
  const isTaken = combination.some((action) => action !== "reject" && action !== "defer");
  return isTaken ? 250 : 451;
}
const kindOf: Readonly<Record<Action, HeldEntry["kind"] | undefined>> = {
  accept: undefined,
  reject: "QUARANTINED",
  defer: "DEFERRED",
  quarantine: "QUARANTINED",
  discard: "DISCARDED",
};

before(async () => {
  sink = await startSmtpSink();
  const env = {
    MAILFOLD_DEMO: "0",
    MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`,
    // Nobody listens there: mail to whom wants it scanned is deferred.
    MAILFOLD_RSPAMD: "http://127.0.0.1:9",
  };
  platform = await startPlatform({ env });
  for (const name of names) {
    const tenant = await provisionTenant(platform, name, { locals: ["user", "scanned"] });
    tenants.push(tenant);
    const rules = (["reject", "quarantine", "discard"] as const).map((action) => ({
      name: action,
      all: [{ field: "header", header: "x-wanted", operator: "contains", values: [`${name}=${action}`] }],
      actions: [{ do: action }],
    }));
    await setPolicy(platform, { tenantId: tenant.id }, { rules, scannerFailure: "defer", contentChecks: [] });
    const [user] = tenant.mailboxes;
    await setPolicy(platform, { mailboxId: user?.id ?? "" }, { spamScanner: false });
  }
});
after(async () => {
  await platform?.stop();
  await sink?.close();
});

describe("recipients in three tenants that answer differently", () => {
  test(`all ${combinations.length} combinations answer as one reply can`, async () => {
    const wrong: string[] = [];
    for (const combination of combinations) {
      const wanted = combination.map((action, index) => `${names[index]}=${action}`).join(" ");
      const to = combination.map((action, index) => mailboxOf(tenants[index] as Tenant, action).address);
      const message = `From: <ann@sender.example>\nTo: <list@sender.example>\nMessage-ID: ${idOf(combination)}\nX-Wanted: ${wanted}\nSubject: mixed\n\nhello\n`;
      const { rcpt, final } = await sendLetter(
        { port: platform.ports.smtp },
        { from: "ann@sender.example", to, message },
      );
      assert.ok(
        rcpt.every(({ code }) => code === 250),
        `${wanted}: nobody is refused before DATA`,
      );
      answered.set(idOf(combination), final.code);
      if (final.code !== codeOf(combination)) wrong.push(`${combination.join(" ")}: ${final.code} ${final.text}`);
    }
    assert.deepEqual(wrong, []);
  });

  test("every copy of what was taken is in one place, once; of what was not, nowhere", async () => {
    const wrong: string[] = [];
    for (const [index, tenant] of tenants.entries()) {
      const taken = combinations.filter((combination) => answered.get(idOf(combination)) === 250);
      const expected = new Map(taken.map((combination) => [idOf(combination), combination[index] as Action]));
      const delivered = new Map<string, number>();
      for (const login of tenant.mailboxes) {
        for (const folder of ["INBOX", "Junk"]) {
          for (const [id, count] of await messageIdCounts(platform.ports.imap, login, folder)) {
            delivered.set(id, (delivered.get(id) ?? 0) + count);
          }
        }
      }
      const held = await untilHeld(tenant, [...expected.values()].filter((action) => action !== "accept").length);
      for (const combination of combinations) {
        const id = idOf(combination);
        const action = expected.get(id);
        const copies = held.filter((entry) => entry.messageId === id);
        const found = [delivered.get(id) ?? 0, ...copies.map(({ kind, status }) => `${kind} ${status}`)].join(" ");
        const kind = action === undefined ? undefined : kindOf[action];
        const should = action === "accept" ? "1" : kind === undefined ? "0" : `0 ${kind} HELD`;
        if (found !== should) wrong.push(`${tenant.domain} ${combination.join("-")}: ${found}, not ${should}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test("nobody is sent anything: no bounce, no copy", async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(sink.connections, 0);
    assert.deepEqual(sink.letters, []);
  });

  test("the verdicts of every recipient are on record, whatever the reply was", async () => {
    const query = `query($t: ID, $after: String) { verdicts(first: 100, after: $after, where: {tenantId: $t}) { nodes { messageId action } pageInfo { hasNextPage endCursor } } }`;
    for (const [index, tenant] of tenants.entries()) {
      const seen = new Map<string, string[]>();
      for (let after: string | null = null, more = true; more; ) {
        const page: VerdictPage = await platform.graphql<VerdictPage>(query, { t: tenant.id, after });
        for (const { messageId, action } of page.verdicts.nodes)
          seen.set(messageId ?? "", [...(seen.get(messageId ?? "") ?? []), action]);
        after = page.verdicts.pageInfo.endCursor;
        more = page.verdicts.pageInfo.hasNextPage;
      }
      for (const combination of combinations) {
        assert.deepEqual(
          seen.get(idOf(combination)),
          [combination[index]],
          `${tenant.domain} ${combination.join("-")}`,
        );
      }
    }
  });
});

interface VerdictPage {
  readonly verdicts: {
    readonly nodes: readonly { readonly messageId: string | null; readonly action: string }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

/** A tenant's held copies, once the view shows as many as there must be, and no more a moment later. */
async function untilHeld(tenant: Tenant, count: number): Promise<readonly HeldEntry[]> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    if ((await heldEntries(platform, tenant)).length >= count) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return heldEntries(platform, tenant);
}
