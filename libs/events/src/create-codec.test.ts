import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { NewEvent, Position, RecordedEvent, Sealed, Sealer, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { z } from "zod";
import { eventCatalogue } from "./catalogue/catalogue.ts";
import type { EventEntry } from "./catalogue/entry.ts";
import { defineEvent } from "./catalogue/entry.ts";
import type { WireEvent } from "./codec.ts";
import { createEventCodec, wireTypeOf } from "./create-codec.ts";
import { renderEventReference } from "./event-reference.ts";
import { redactSecrets } from "./redact-secrets.ts";
import { categories, lifeClassOf, utcDay } from "./streams.ts";
import { refuseUndecodable, UndecodableEvent } from "./undecodable-event.ts";

const fixturesDir = new URL("../fixtures/", import.meta.url);

/** Seals as the fixtures are sealed: readable, and with scopes that can be erased. */
function transparentSealer(erased: ReadonlySet<string> = new Set()): Sealer {
  return {
    seal: (scope, text) => ({
      keyId: `${scope}.test`,
      nonce: "test",
      ciphertext: Buffer.from(text).toString("base64"),
    }),
    open: (sealed: Sealed) =>
      erased.has(sealed.keyId) ? undefined : Buffer.from(sealed.ciphertext, "base64").toString("utf8"),
    blindIndex: (purpose, value) => `${purpose}:${value}`,
  };
}

interface Fixture {
  readonly stream: string;
  readonly id: string;
  readonly wireType: string;
  readonly occurredAt: number;
  readonly data: unknown;
  readonly metadata: unknown;
  readonly decoded: Pick<NewEvent, "type" | "data" | "metadata">;
}

const readFixture = (name: string): Fixture => JSON.parse(readFileSync(new URL(name, fixturesDir), "utf8"));
const store = (wire: WireEvent, stream: string) => ({ ...wire, stream, revision: 3, position: "0007" as Position });
const entries: readonly EventEntry[] = Object.values(eventCatalogue);
const codec = createEventCodec(transparentSealer());

describe("golden fixtures", () => {
  const names = readdirSync(fixturesDir).sort();

  test("every version of every event has one, and none is left over", () => {
    const expected = entries.flatMap((entry) =>
      Array.from({ length: entry.version }, (_, index) => `${wireTypeOf(entry.name, index + 1)}.json`),
    );
    assert.deepEqual(names, expected.sort());
  });

  for (const name of names) {
    test(`${name} decodes to the newest shape, and the newest version is written as stored`, () => {
      const fixture = readFixture(name);
      const wire = {
        id: fixture.id,
        wireType: fixture.wireType,
        occurredAt: fixture.occurredAt,
        data: JSON.stringify(fixture.data),
        metadata: JSON.stringify(fixture.metadata),
      };
      const decoded = codec.decode(store(wire, fixture.stream));
      assert.deepEqual(
        { type: decoded.type, data: decoded.data, metadata: decoded.metadata },
        structuredClone(fixture.decoded),
      );
      const entry = entries.find((candidate) => candidate.name === decoded.type)!;
      assert.equal(entry.schema.safeParse(decoded.data).success, true);
      if (fixture.wireType !== wireTypeOf(entry.name, entry.version)) return;
      assert.deepEqual(
        codec.encode(fixture.stream, { ...fixture.decoded, id: wire.id, occurredAt: wire.occurredAt }),
        wire,
      );
    });
  }
});

describe("codec", () => {
  const tenantId = "ten_01" as TenantId;
  const suspended: NewEvent = {
    id: "0198f000-0000-7000-8000-000000000001",
    type: "MailboxSuspended",
    data: { mailboxId: "mbx_01", reason: "ABUSE", note: "Grüße" },
    metadata: { tenantId, actor: { type: "tenant", id: "tok_01", name: "Bob" }, context: { ip: "192.0.2.1" } },
    occurredAt: 1_780_000_000_000,
  };

  test("personal fields and the actor's name and address are sealed under the tenant's key in record events", () => {
    const wire = codec.encode("mailbox-mbx_01", suspended);
    for (const leaked of ["Grüße", "Bob", "192.0.2.1"]) assert.ok(!(wire.data + wire.metadata).includes(leaked));
    assert.equal(JSON.parse(wire.data).note.keyId, "ten_01.test");
    assert.equal(JSON.parse(wire.metadata).tenantId, "ten_01");
    const decoded = codec.decode(store(wire, "mailbox-mbx_01"));
    assert.deepEqual(decoded.data, suspended.data);
    assert.deepEqual(decoded.metadata, suspended.metadata);
  });

  test("an erased key leaves null in data and nothing in metadata", () => {
    const wire = codec.encode("mailbox-mbx_01", suspended);
    const blind = createEventCodec(transparentSealer(new Set(["ten_01.test"])));
    const decoded = blind.decode(store(wire, "mailbox-mbx_01"));
    assert.deepEqual(decoded.data, { mailboxId: "mbx_01", reason: "ABUSE", note: null });
    assert.deepEqual(decoded.metadata, { tenantId: "ten_01", actor: { type: "tenant", id: "tok_01" }, context: {} });
  });

  test("without a tenant the platform's key seals", () => {
    const event = { ...suspended, type: "ResellerCreated", data: { resellerId: "rsl_01", name: "R" } };
    const wire = codec.encode("reseller-rsl_01", { ...event, metadata: { actor: { type: "platform", id: "x" } } });
    assert.equal(JSON.parse(wire.data).name.keyId, "platform.test");
  });

  test("what does not match the catalogue throws, and the message holds no value", () => {
    const bad: [string, NewEvent][] = [
      ["mailbox-mbx_01", { ...suspended, type: "MailboxExploded" }],
      ["tenant-ten_01", suspended],
      ["mailbox-mbx_01", { ...suspended, data: { ...(suspended.data as object), mailboxId: "hunter2" } }],
      ["mailbox-mbx_01", { ...suspended, data: { ...(suspended.data as object), reason: 7 } }],
      ["mailbox-mbx_01", { ...suspended, data: { ...(suspended.data as object), extra: "hunter2" } }],
      ["mailbox-mbx_01", { ...suspended, metadata: {} as NewEvent["metadata"] }],
      ["mailbox-mbx_01", { ...suspended, occurredAt: 1.5 }],
    ];
    for (const [stream, event] of bad) {
      assert.throws(
        () => codec.encode(stream, event),
        (error: Error) => error.name === "EventSchemaError" && !error.message.includes("hunter2"),
      );
    }
  });

  test("an unknown event decodes to its bare name; a newer version of a known one keeps its wire name", () => {
    const wire = { ...codec.encode("mailbox-mbx_01", suspended), data: '{"a":1}' };
    const decode = (wireType: string) => codec.decode(store({ ...wire, wireType }, "mailbox-mbx_01"));
    assert.equal(decode("MailboxPainted.v3").type, "MailboxPainted");
    assert.deepEqual(decode("MailboxPainted.v3").data, { a: 1 });
    assert.equal(decode("MailboxSuspended.v99").type, "MailboxSuspended.v99");
    assert.equal(codec.nameOf("MailboxSuspended.v99"), "MailboxSuspended");
  });

  describe("content that cannot be read keeps its place and throws from whoever needs its data", () => {
    const wire = codec.encode("mailbox-mbx_01", suspended);
    const sealed = JSON.parse(wire.data) as { note: Sealed };
    const damages: readonly (readonly [name: string, wire: WireEvent, says: RegExp])[] = [
      ["data that is not JSON", { ...wire, data: '{"note":"hunter2' }, /: it is not JSON$/],
      ["metadata that is not JSON", { ...wire, metadata: '{"actor":hunter2' }, /: it is not JSON$/],
      ["metadata without an actor", { ...wire, metadata: "null" }, /names no actor$/],
      ["no data at all", { ...wire, data: "null" }, /TypeError/],
      [
        "a sealed field that opens to nonsense",
        { ...wire, data: JSON.stringify({ ...sealed, note: { ...sealed.note, ciphertext: "aHVudGVyMg==" } }) },
        /: it is not JSON$/,
      ],
      ["an unknown type that is not JSON", { ...wire, wireType: "MailboxPainted.v3", data: "hunter2" }, /not JSON$/],
    ];
    for (const [name, damaged, says] of damages) {
      test(name, () => {
        const event = codec.decode(store(damaged, "mailbox-mbx_01"));
        assert.ok(event instanceof UndecodableEvent);
        const { id, type, stream, revision, position } = event;
        const bare = codec.nameOf(damaged.wireType);
        assert.deepEqual([id, type, stream, revision, position], [wire.id, bare, "mailbox-mbx_01", 3, "0007"]);
        assert.equal(typeof event.metadata.actor.type, "string");
        for (const look of [() => event.data, () => refuseUndecodable(event)])
          assert.throws(look, (error: Error) => {
            assert.equal(error.name, "EventDecodeError");
            assert.match(error.message, says);
            assert.ok(error.message.includes(`${damaged.wireType} ${wire.id} at revision 3 of mailbox-mbx_01`));
            return !error.message.includes("hunter2");
          });
        assert.deepEqual(redactSecrets(event as RecordedEvent).data, {});
      });
    }

    test("keys that cannot be read now are thrown: no event's fault", () => {
      const away = Object.assign(new Error("too many open files"), { syscall: "open" });
      const open = (): never => {
        throw away;
      };
      const keyless = createEventCodec({ ...transparentSealer(), open });
      assert.throws(() => keyless.decode(store(wire, "mailbox-mbx_01")), away);
    });
  });

  test("wireTypes names every version and refuses a name that no catalogue entry has", () => {
    assert.deepEqual(codec.wireTypes(["TenantCreated", "TokenRevoked"]), ["TenantCreated.v1", "TokenRevoked.v1"]);
    assert.throws(() => codec.wireTypes(["TenantCreate"]), /catalogue/);
  });

  test("secrets are redacted for feed and audit, in events newer than this code as well", () => {
    const sealed = { keyId: "k", nonce: "n", ciphertext: "c" };
    const created = { type: "MailboxPasswordSet", data: { mailboxId: "mbx_01", verifier: sealed } };
    assert.deepEqual(redactSecrets(created).data, { mailboxId: "mbx_01", verifier: "[secret]" });
    assert.deepEqual(redactSecrets({ type: "Later", data: { list: [{ deep: sealed }], n: 1 } }).data, {
      list: [{ deep: "[secret]" }],
      n: 1,
    });
    assert.equal(created.data.verifier, sealed);
  });
});

describe("upcasting, on a synthetic catalogue", () => {
  type Painted = {
    readonly type: "WallPainted";
    readonly data: { readonly colours: readonly string[]; readonly by: string };
  };
  const wallPainted = defineEvent<Painted>({
    name: "WallPainted",
    meaning: "A wall has a colour.",
    categories: ["tenant"],
    schema: z.strictObject({ colours: z.array(z.string()), by: z.string() }),
    personal: ["by"],
    minReader: 2,
    older: [
      { version: 1, personal: ["painter"], upcast: ({ colour, painter }) => ({ colour, by: painter }) },
      { version: 2, personal: ["by"], upcast: ({ colour, by }) => ({ colours: [colour], by }) },
    ],
  });
  const synthetic = createEventCodec(transparentSealer(), { WallPainted: wallPainted });
  const metadata = { actor: { type: "system", id: "test" } } as const;
  const v1 = (painter: unknown) => ({
    id: "x",
    wireType: "WallPainted.v1",
    occurredAt: 1,
    data: JSON.stringify({ colour: "red", painter }),
    metadata: JSON.stringify(metadata),
  });

  test("version 1 walks through every step, its own personal fields opened first", () => {
    const painter = transparentSealer().seal("platform", JSON.stringify("Bob"));
    const decoded = synthetic.decode(store(v1(painter), "tenant-ten_01"));
    assert.deepEqual([decoded.type, decoded.data], ["WallPainted", { colours: ["red"], by: "Bob" }]);
    // Before the field was personal it lay open.
    assert.deepEqual(synthetic.decode(store(v1("Eve"), "tenant-ten_01")).data, { colours: ["red"], by: "Eve" });
  });

  test("an upcaster that throws makes the event undecodable, not the reader", () => {
    const broken = { ...wallPainted, older: wallPainted.older.map((step) => ({ ...step, upcast: () => missing() })) };
    const missing = (): never => {
      throw new Error("no such colour");
    };
    const event = createEventCodec(transparentSealer(), { WallPainted: broken }).decode(
      store(v1("Eve"), "tenant-ten_01"),
    );
    assert.throws(() => event.data, /WallPainted\.v1 x .* cannot be decoded: Error: no such colour/);
  });

  test("the newest version is written, with its reader generation; all versions are read", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (colours, by) => {
        const event = { id: "x", type: "WallPainted", data: { colours, by }, metadata, occurredAt: 1 };
        const wire = synthetic.encode("tenant-ten_01", event);
        assert.equal(wire.wireType, "WallPainted.v3");
        const decoded = synthetic.decode(store(wire, "tenant-ten_01"));
        assert.deepEqual(decoded.data, { colours, by });
        assert.equal(decoded.metadata.minReader, 2);
      }),
      { numRuns: 30 },
    );
    assert.deepEqual(synthetic.wireTypes(["WallPainted"]), ["WallPainted.v1", "WallPainted.v2", "WallPainted.v3"]);
  });

  test("a gap in the versions, or categories of two classes, are found at import", () => {
    const base = { name: "X", meaning: "", schema: z.any() } as const;
    const step = { version: 2, personal: [], upcast: () => ({}) };
    assert.throws(() => defineEvent({ ...base, categories: ["tenant"], older: [step] }), /versions/);
    assert.throws(() => defineEvent({ ...base, categories: ["tenant", "mail"] }), /classes/);
  });
});

describe("streams", () => {
  test("docs/reference/events.md says what the catalogue says", () => {
    const page = readFileSync(new URL("../../../docs/reference/events.md", import.meta.url), "utf8");
    assert.equal(page, renderEventReference(), "run: node scripts/generate-event-docs.ts");
  });

  test("no category has a dash, and an unknown one is kept as record", () => {
    for (const category of Object.keys(categories)) assert.ok(!category.includes("-"));
    assert.equal(lifeClassOf("novelty-x"), "record");
    assert.equal(lifeClassOf("mail-mbx_01"), "mail");
  });

  test("utcDay is the UTC calendar", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (at) => {
        assert.equal(utcDay(at), new Date(at).toISOString().slice(0, 10).replaceAll("-", ""));
      }),
    );
  });
});
