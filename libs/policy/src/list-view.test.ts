import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Scope } from "@mailfold/domain";
import fc from "fast-check";
import { formatIpPrefix, type IpPrefix, parseIp, prefixContains, prefixOf } from "./ip-address.ts";
import type { ListEntry, ListName } from "./list-store.ts";
import { ListView } from "./list-view.ts";

const scopes: readonly Scope[] = [
  { kind: "platform" },
  { kind: "tenant", id: "ten_a" as never },
  { kind: "tenant", id: "ten_b" as never },
];
const nearIp = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 7 }))
  .map(([c, d]) => `192.0.${c}.${d}`);
const nearIpv6 = fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => `2001:db8:${a}::${b}`);
const prefix = fc
  .tuple(fc.oneof(nearIp, nearIpv6), fc.constantFrom(0, 8, 16, 22, 24, 29, 32, 48, 64, 128))
  .map(([text, length]) => {
    const ip = parseIp(text);
    assert.ok(ip);
    return prefixOf(ip, Math.min(length, ip.family === 4 ? 32 : 128));
  });
const names = ["widget.com", "bluewidget.com", "a.widget.com", "x.example"];
const senderKey = fc.oneof(
  fc.constantFrom(...names).map((text) => ({ kind: "domain" as const, text })),
  fc.constantFrom(...names, "dget.com", ".com").map((text) => ({ kind: "suffix" as const, text })),
  fc.constantFrom(...names).map((name) => ({ kind: "address" as const, text: `joe@${name}` })),
  fc.constantFrom(...names).map((text) => ({ kind: "host" as const, text })),
);
const key = fc.oneof(
  prefix.map((value) => ({ kind: value.family === 4 ? ("ipv4" as const) : ("ipv6" as const), prefix: value })),
  senderKey,
);
const entry: fc.Arbitrary<ListEntry> = fc
  .record({
    scope: fc.constantFrom(...scopes),
    list: fc.constantFrom<ListName>("accept", "kill", "relay"),
    key,
    number: fc.nat(9_999),
    expiresAt: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  })
  .map(({ key: named, number, ...rest }) => {
    return {
      ...rest,
      ...named,
      entryId: `sle_${number}`,
      byEvent: `e${number}`,
      trustUnverified: false,
      namesPeer: rest.scope.kind === "tenant",
    };
  });
type Step = { readonly add: ListEntry } | { readonly remove: ListEntry };
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: entry.map((add): Step => ({ add })) },
    entry.map((remove): Step => ({ remove })),
  ),
  { maxLength: 60 },
);

const idOf = (item: ListEntry): string =>
  `${JSON.stringify(item.scope)} ${item.list} ${item.kind} ${item.prefix ? formatIpPrefix(item.prefix) : item.text}`;

function model(history: readonly Step[]): ListEntry[] {
  const entries = new Map<string, ListEntry>();
  for (const step of history) {
    if ("add" in step) entries.set(idOf(step.add), step.add);
    else entries.delete(idOf(step.remove));
  }
  return [...entries.values()];
}
function view(history: readonly Step[], from = new ListView()): ListView {
  let lists = from;
  for (const step of history) lists = "add" in step ? lists.with(step.add) : lists.without(step.remove);
  return lists;
}

/** The narrowest match of a naive scan. */
function expected(
  entries: readonly ListEntry[],
  scope: Scope,
  list: ListName,
  probe: { ip?: string; sender?: string; at: number },
) {
  const order = { address: 0, domain: 1, suffix: 2 } as Record<string, number>;
  const hits = entries.filter((item) => {
    if (JSON.stringify(item.scope) !== JSON.stringify(scope) || item.list !== list) return false;
    if (item.expiresAt !== undefined && item.expiresAt <= probe.at) return false;
    if (probe.ip !== undefined) {
      const ip = parseIp(probe.ip);
      return item.prefix !== undefined && ip !== undefined && prefixContains(item.prefix, ip);
    }
    const domain = probe.sender?.split("@")[1] ?? "";
    if (item.kind === "address") return item.text === probe.sender;
    if (item.kind === "domain") return item.text === domain;
    return item.kind === "suffix" && domain.endsWith(item.text ?? "?");
  });
  hits.sort(
    (a, b) =>
      (b.prefix?.length ?? 0) - (a.prefix?.length ?? 0) ||
      (order[a.kind] ?? 0) - (order[b.kind] ?? 0) ||
      (b.text?.length ?? 0) - (a.text?.length ?? 0),
  );
  return hits[0]?.entryId;
}

function compare(
  lists: ListView,
  entries: readonly ListEntry[],
  probe: { ip: string; sender: string; at: number },
): void {
  for (const scope of scopes) {
    const shape = lists.shape(scope.kind === "platform" ? "platform" : scope.id);
    for (const list of ["accept", "kill", "relay"] as const) {
      const ip = parseIp(probe.ip);
      assert.ok(ip);
      const byIp = shape ? lists.matchIp(shape, ip, probe.at)[list] : -1;
      assert.equal(
        byIp < 0 ? undefined : lists.entryId(byIp),
        expected(entries, scope, list, { ip: probe.ip, at: probe.at }),
      );
      const bySender = shape ? lists.matchSender(shape, probe.sender, probe.at)[list] : -1;
      const want = expected(entries, scope, list, { sender: probe.sender, at: probe.at });
      assert.equal(bySender < 0 ? undefined : lists.entryId(bySender), want);
    }
  }
}

const probes = fc.record({
  ip: fc.oneof(nearIp, nearIpv6),
  sender: fc.tuple(fc.constantFrom("joe", "ann"), fc.constantFrom(...names)).map((parts) => parts.join("@")),
  at: fc.integer({ min: 0, max: 21 }),
});

describe("ListView", () => {
  test("matches like a naive scan of the entries", () => {
    fc.assert(
      fc.property(steps, probes, (history, probe) => compare(view(history), model(history), probe)),
      { numRuns: 400 },
    );
  });

  test("a snapshot never changes, whatever is built on it, even twice", () => {
    fc.assert(
      fc.property(steps, steps, steps, probes, (history, one, other, probe) => {
        const base = view(history);
        const left = view(one, base);
        const right = view(other, base);
        compare(base, model(history), probe);
        compare(left, model([...history, ...one]), probe);
        compare(right, model([...history, ...other]), probe);
      }),
      { numRuns: 150 },
    );
  });

  test("finds every tenant that names a peer, and those only", () => {
    fc.assert(
      fc.property(steps, probes, (history, probe) => {
        const lists = view(history);
        const ip = parseIp(probe.ip);
        assert.ok(ip);
        const found: string[] = [];
        lists.eachTenantNamingIp(ip, probe.at, (row) => {
          found.push(lists.entryId(row));
          return false;
        });
        const named = model(history).filter(
          (item) =>
            item.namesPeer &&
            item.prefix !== undefined &&
            prefixContains(item.prefix as IpPrefix, ip) &&
            (item.expiresAt === undefined || item.expiresAt > probe.at),
        );
        assert.deepEqual(found.sort(), named.map((item) => item.entryId).sort());
      }),
      { numRuns: 300 },
    );
  });

  test("compaction keeps what matches and drops what is over", () => {
    fc.assert(
      fc.property(steps, probes, (history, probe) => {
        const lists = view(history).compacted(probe.at, 1_000);
        compare(lists, model(history), probe);
        assert.ok(lists.rowCount <= model(history).length);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps ids of both forms, patterns and many rows over chunk borders", () => {
    let lists: ListView = new ListView();
    const uuid = "0193a5c8-7b1e-7c3a-9d2f-0123456789ab";
    const id = "sle_7zzzzzzzzzzzzzzzzzzzzzzzzz";
    for (let i = 0; i < 20_000; i++) {
      const text = `user${i}@mail${i % 7}.example`;
      const ids = i % 2 === 0 ? { entryId: id, byEvent: uuid } : { entryId: `odd-${i}`, byEvent: `E-${i}` };
      lists = lists.with({
        scope: scopes[1] as Scope,
        list: "kill",
        kind: "address",
        text,
        ...ids,
        expiresAt: undefined,
        trustUnverified: false,
        namesPeer: false,
      });
    }
    const shape = lists.shape("ten_a");
    assert.ok(shape);
    for (const i of [0, 1, 8_191, 8_192, 16_384, 19_999]) {
      const row: number = lists.matchSender(shape, `user${i}@mail${i % 7}.example`, 1).kill;
      assert.ok(row >= 0, String(i));
      assert.equal(lists.entryId(row), i % 2 === 0 ? id : `odd-${i}`);
      assert.equal(lists.byEvent(row), i % 2 === 0 ? uuid : `E-${i}`);
      assert.equal(lists.pattern(row), `user${i}@mail${i % 7}.example`);
    }
    assert.equal(lists.matchSender(shape, "user20000@mail1.example", 1).kill, -1);
    assert.equal(lists.matchSender(shape, `${"x".repeat(5_000)}@mail1.example`, 1).kill, -1);
  });
});
