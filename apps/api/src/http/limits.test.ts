import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { getIntrospectionQuery } from "graphql";
import type { ApiContext } from "../graphql/api-context.ts";
import { spendRows } from "../graphql/connection-field.ts";
import type { RunningApi } from "../ports.ts";
import { type ApiWorld, adminToken, createApiWorld, graphql, startTestApi } from "../test-support/api-test-world.ts";
import { createAddressSet, isLoopbackHost } from "./address-set.ts";
import { createRateLimit } from "./rate-limit.ts";

let world: ApiWorld;
let api: RunningApi & { url: string };
before(async () => {
  world = await createApiWorld();
  api = await startTestApi(world, { limits: { authFailuresPerMinute: 5 }, trustedProxies: ["127.0.0.2"] });
});
after(async () => {
  await api.close();
  await world.close();
});

describe("documents that cost too much", () => {
  const nested = (depth: number) =>
    `{ tenants { nodes { ${"reseller { tenants { nodes { ".repeat(depth)} id ${" } } }".repeat(depth)} } } }`;
  const documents: Readonly<Record<string, string>> = {
    depth: nested(5),
    "depth beyond reason": nested(500),
    aliases: `{ ${Array.from({ length: 100 }, (_, index) => `a${index}: viewer { name }`).join(" ")} }`,
    "many aliases": `{ ${Array.from({ length: 20_000 }, (_, index) => `a${index}: viewer { name }`).join(" ")} }`,
    "the same field": `{ ${"viewer { name } ".repeat(10_000)} }`,
    directives: `{ viewer { name ${"@include(if: true) ".repeat(300)} } }`,
    "fragment cycle": "{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }",
    "page of a million": "{ tenants(first: 1000000) { nodes { id } } }",
    "page of none": "{ tenants(first: 0) { nodes { id } } }",
    "forged cursor": '{ auditEvents(after: "x") { nodes { id } } }',
    "cursor of another log": '{ auditEvents(after: "other.0000000000000001") { nodes { id } } }',
    "unknown field": "{ viewer { nam } }",
    "not a document": "{",
  };
  for (const [name, query] of Object.entries(documents)) {
    test(`${name}: refused, quickly, as BAD_REQUEST`, async () => {
      const at = performance.now();
      const { errors, text } = await graphql(api.url, query);
      assert.ok(performance.now() - at < 2_000, `${performance.now() - at} ms`);
      assert.ok(errors?.length > 0, text.slice(0, 200));
      for (const error of errors) {
        assert.equal(error.extensions.code, "BAD_REQUEST", JSON.stringify(error).slice(0, 300));
        assert.match(error.extensions.requestId, /^req_/);
      }
      assert.equal(/stack|node_modules/i.test(text), false, text.slice(0, 300));
    });
  }

  test("introspection works for who has a token", async () => {
    const { data, errors } = await graphql(api.url, getIntrospectionQuery());
    assert.deepEqual(errors, undefined);
    assert.ok(data.__schema.types.length > 20);
  });

  test("nested connections share one budget of rows", () => {
    const context = { rowsLeft: 250 } as ApiContext;
    spendRows(context, { first: 100 });
    spendRows(context, { first: 100 });
    assert.throws(() => spendRows(context, { first: 100 }), /too many rows/);
  });

  test("unexpected errors are masked", async () => {
    const status = world.deps.rows.status;
    Object.assign(world.deps.rows, {
      status: () => {
        throw new Error("secret inside");
      },
    });
    try {
      const { errors, text } = await graphql(api.url, "{ projections { name } }");
      assert.equal(errors[0].extensions.code, "INTERNAL");
      assert.equal(text.includes("secret inside"), false);
    } finally {
      Object.assign(world.deps.rows, { status });
    }
  });

  test("waitFor that never comes says PROJECTION_LAGGING; another log's says CURSOR_OTHER_LOG", async () => {
    const other = await graphql(api.url, '{ tenants(waitFor: "other.0000000000000001") { nodes { id } } }');
    assert.equal(other.errors[0].extensions.reason, "CURSOR_OTHER_LOG");
    const epoch = await world.store.epoch();
    const late = await graphql(api.url, `{ tenants(waitFor: "${epoch}.9999999999999999") { nodes { id } } }`);
    assert.equal(late.errors[0].extensions.reason, "PROJECTION_LAGGING");
  });
});

describe("requests that cost too much", () => {
  test("a body beyond 1 MiB is 413, headers beyond 16 KiB are 431", async () => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${adminToken}` };
    const big = await fetch(`${api.url}/graphql`, { method: "POST", headers, body: "x".repeat(1_100_000) });
    assert.equal(big.status, 413);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(api.ports.http, "127.0.0.1", () => {
        socket.write(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(40_000)}\r\n\r\n`);
      });
      socket.once("data", (data) => {
        resolve(String(data));
        socket.destroy();
      });
      socket.once("error", reject);
    });
    assert.match(answer, /^HTTP\/1\.1 431/);
  });

  test("failed authentications of one address are throttled; a good token still passes", async () => {
    const statuses = [];
    for (let index = 0; index < 8; index += 1)
      statuses.push((await graphql(api.url, "{viewer{name}}", { token: "mf_no" })).status);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    const throttled = await graphql(api.url, "{viewer{name}}", { token: "mf_no" });
    assert.equal(throttled.errors[0].extensions.code, "THROTTLED");
    assert.ok(Number(throttled.headers.get("retry-after")) > 0);
    assert.equal((await graphql(api.url, "{viewer{name}}")).data.viewer.name, "bootstrap token");
  });

  test("requests of one subject are throttled with Retry-After", async () => {
    const tight = await startTestApi(world, { limits: { requestsPerSecond: 1, requestBurst: 2 } });
    try {
      const answers = [];
      for (let index = 0; index < 3; index += 1) answers.push(await graphql(tight.url, "{viewer{name}}"));
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [200, 200, 429],
      );
      assert.equal(answers[2]?.headers.get("retry-after"), "1");
    } finally {
      await tight.close();
    }
  });

  test("the limiter forgets the least recently seen key, not the busy one", () => {
    const limit = createRateLimit({ now: () => 0 }, 1, 1);
    assert.equal(limit.take("busy"), undefined);
    for (let index = 0; index < 9_000; index += 1) limit.take(`k${index}`);
    assert.equal(limit.take("busy"), 1);
    for (let index = 0; index < 9_999; index += 1) limit.take(`l${index}`);
    assert.equal(limit.take("busy"), 1);
  });
});

describe("health and metrics", () => {
  test("livez, healthz, readyz with its reasons", async () => {
    for (const path of ["/livez", "/healthz", "/readyz"]) assert.equal((await fetch(api.url + path)).status, 200, path);
    const verbose = await (await fetch(`${api.url}/readyz?verbose`)).json();
    assert.deepEqual(verbose, { status: "ready", roles: { api: true }, reasons: [] });
    const down = await startTestApi({
      ...world,
      deps: {
        ...world.deps,
        readiness: () => ({ ready: false, roles: { api: true }, reasons: ["directory is parked"] }),
      },
    });
    assert.equal((await fetch(`${down.url}/readyz`)).status, 503);
    await down.close();
  });

  test("metrics: from this machine unproxied, or with a platform token", async () => {
    const near = await fetch(`${api.url}/metrics`);
    assert.equal(near.status, 200);
    assert.match(await near.text(), /mailfold_graphql_operations_total/);
    const proxied = { "x-forwarded-for": "203.0.113.5" };
    assert.equal((await fetch(`${api.url}/metrics`, { headers: proxied })).status, 403);
    const token = { ...proxied, authorization: `Bearer ${adminToken}` };
    assert.equal((await fetch(`${api.url}/metrics`, { headers: token })).status, 200);
  });

  test("X-Forwarded-For is believed from trusted proxies only", async () => {
    // Another address than a trusted proxy: the throttle of a forged address must not move.
    const forged = {
      "x-forwarded-for": "198.51.100.7",
      authorization: "Bearer mf_no",
      "content-type": "application/json",
    };
    const response = await fetch(`${api.url}/graphql`, { method: "POST", headers: forged, body: "{}" });
    assert.equal(response.status, 429, "the peer's own address is spent already");
  });
});

describe("plain HTTP on a public address", () => {
  test("carries health and a redirect; a trusted proxy may do more", async () => {
    const { tlsContext } = await import("../test-support/tls-test-world.ts");
    const deps = { ...world.deps, tlsContext: await tlsContext() };
    // 0.0.0.0 is no loopback host, though the test reaches it through one.
    const open = await startTestApi({ ...world, deps }, { host: "0.0.0.0" });
    const behind = await startTestApi({ ...world, deps }, { host: "0.0.0.0", trustedProxies: ["127.0.0.0/8"] });
    try {
      assert.equal((await fetch(`${open.url}/livez`)).status, 200);
      assert.equal((await graphql(open.url, "{viewer{name}}")).status, 403);
      const redirect = await fetch(`${open.url}/portal?x=1`, { redirect: "manual" });
      assert.equal(redirect.status, 308);
      assert.equal(redirect.headers.get("location"), `https://127.0.0.1:${open.ports.https}/portal?x=1`);
      const socket = await fetch(`${open.url}/audit`, { redirect: "manual" });
      assert.equal(socket.status, 308);
      assert.equal((await graphql(behind.url, "{viewer{name}}")).status, 200);
    } finally {
      await open.close();
      await behind.close();
    }
  });

  test("address sets", () => {
    const set = createAddressSet(["192.0.2.0/24", "2001:db8::/32", "203.0.113.5"]);
    for (const inside of ["192.0.2.77", "::ffff:192.0.2.77", "2001:db8::1", "203.0.113.5"])
      assert.ok(set(inside), inside);
    for (const outside of ["192.0.3.1", "2001:db9::1", "203.0.113.6", "nonsense", "", undefined])
      assert.equal(set(outside), false);
    assert.throws(() => createAddressSet(["300.0.0.0/8"]));
    assert.ok(
      isLoopbackHost("localhost") && isLoopbackHost("::1") && !isLoopbackHost("0.0.0.0") && !isLoopbackHost("::"),
    );
  });
});
