import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startApi } from "../start-api.ts";
import { type ApiWorld, adminToken, createApiWorld, graphql } from "../test-support/api-test-world.ts";

describe("peers that were denied for abuse", () => {
  let world: ApiWorld;
  let api: Awaited<ReturnType<typeof startApi>>;
  let url: string;
  let deniedSeconds: number | undefined;
  const failed: string[] = [];
  before(async () => {
    world = await createApiWorld();
    const peerAbuse = {
      deniedForSeconds: () => deniedSeconds,
      loginFailed: (ip: string, protocol: string) => void failed.push(`${ip} ${protocol}`),
    };
    api = await startApi(
      { ...world.deps, peerAbuse },
      { host: "127.0.0.1", ports: { http: 0, https: 0 }, trustedProxies: [] },
    );
    url = `http://127.0.0.1:${api.ports.http}`;
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  test("get 429 with the time to wait, on every path but health", async () => {
    deniedSeconds = 90;
    for (const path of ["/graphql", "/audit", "/metrics", "/nothing"]) {
      const response = await fetch(url + path, { headers: { authorization: `Bearer ${adminToken}` } });
      assert.equal(response.status, 429, path);
      assert.equal(response.headers.get("retry-after"), "90");
      assert.match(await response.text(), /THROTTLED.*|.*refused after abuse.*/);
    }
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    deniedSeconds = undefined;
    assert.equal((await graphql(url, "{ viewer { name } }")).errors, undefined);
  });

  test("a wrong token is a failed login; none at all is not", async () => {
    failed.length = 0;
    await fetch(`${url}/graphql`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    assert.deepEqual(failed, []);
    await graphql(url, "{ viewer { name } }", { token: "mf_wrong" });
    assert.deepEqual(failed, ["127.0.0.1 http"]);
  });
});
