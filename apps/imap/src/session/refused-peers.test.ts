import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { RawClient } from "../testing/raw-client.ts";
import { startTestPlatform, type TestPlatform } from "../testing/test-platform.ts";

describe("what policy says of peers and logins", () => {
  let platform: TestPlatform;
  before(async () => {
    platform = await startTestPlatform();
  });
  after(() => platform.close());

  test("a denied address hears why and is cut off; with TLS from the start it is cut off", async () => {
    platform.settings.denied = ["127.0.0.1"];
    const client = await RawClient.open(platform.port);
    assert.match(await client.until(/\r\n/), /^\* BYE .*refused for a while/);
    client.destroy();
    const secure = await RawClient.open(platform.tlsPort, { tls: true });
    await assert.rejects(secure.until(/./));
    platform.settings.denied = [];
    const again = await RawClient.open(platform.port);
    assert.match(await again.until(/\r\n/), /^\* OK/);
    again.destroy();
  });

  test("a session that is logged in goes on when its address is denied", async () => {
    const client = await RawClient.open(platform.port);
    await client.until(/\r\n/);
    await client.ok('LOGIN alice@demo.test "correct horse"');
    platform.settings.denied = ["127.0.0.1"];
    assert.match(await client.command("NOOP"), /OK/);
    platform.settings.denied = [];
    client.destroy();
  });

  test("authMechanisms: without PLAIN no AUTHENTICATE, with none no login at all", async () => {
    platform.settings.authMechanisms = ["LOGIN"];
    const login = await RawClient.open(platform.port);
    const offer = await login.until(/\r\n/);
    assert.doesNotMatch(offer, /AUTH=|LOGINDISABLED/);
    assert.match(await login.command("AUTHENTICATE PLAIN AA=="), /NO \[CANNOT\]/);
    assert.match(await login.command('LOGIN alice@demo.test "correct horse"'), /OK/);
    login.destroy();
    platform.settings.authMechanisms = [];
    const none = await RawClient.open(platform.port);
    assert.match(await none.until(/\r\n/), /LOGINDISABLED/);
    assert.match(await none.command('LOGIN alice@demo.test "correct horse"'), /NO \[CANNOT\]/);
    none.destroy();
    platform.settings.authMechanisms = ["LOGIN", "PLAIN"];
  });
});
