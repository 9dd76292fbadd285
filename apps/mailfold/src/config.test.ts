import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ConfigError, loadConfig } from "./config.ts";

function tomlFile(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "mailfold-config-")), "mailfold.toml");
  writeFileSync(path, text);
  return path;
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return "";
}

describe("configuration", () => {
  test("a flag beats the environment, which beats the file, which beats the default", () => {
    const file = tomlFile(`smtp_port = 1001\nimap_port = 1002\nhttp_port = 1003\n`);
    const env = { MAILFOLD_SMTP_PORT: "2001", MAILFOLD_IMAP_PORT: "2002" };
    const { config, explained } = loadConfig({ file, env, flags: { smtp_port: "3001" } });
    assert.deepEqual(
      [config.ports.smtp, config.ports.imap, config.ports.http, config.ports.https],
      [3001, 2002, 1003, 8443],
    );
    const source = (name: string) => explained.find((value) => value.name === name)?.source;
    assert.deepEqual(
      ["MAILFOLD_SMTP_PORT", "MAILFOLD_IMAP_PORT", "MAILFOLD_HTTP_PORT", "MAILFOLD_HTTPS_PORT"].map(source),
      ["flag", "environment", "file", "default"],
    );
  });

  test("a wrong value names the variable, what is allowed and what was given", () => {
    assert.match(
      messageOf(() => loadConfig({ env: { MAILFOLD_SMTP_PORT: "70000" } })),
      /^MAILFOLD_SMTP_PORT: allowed is 0 to 65535.*70000/,
    );
    assert.match(
      messageOf(() => loadConfig({ env: { MAILFOLD_TRUSTED_PROXIES: "10.0.0.0/40" } })),
      /^MAILFOLD_TRUSTED_PROXIES: allowed is none, or CIDRs/,
    );
    assert.match(
      messageOf(() => loadConfig({ env: { MAILFOLD_SMPT_PORT: "25" } })),
      /^MAILFOLD_SMPT_PORT: no such variable/,
    );
    assert.match(
      messageOf(() => loadConfig({ env: {}, file: tomlFile("smpt_port = 25\n") })),
      /unknown key smpt_port/,
    );
  });

  test("secrets never show: not in the explanation, not in an error", () => {
    const { explained } = loadConfig({
      env: {
        MAILFOLD_ADMIN_TOKEN: "t".repeat(40),
        MAILFOLD_EVENT_STORE: "esdb://admin:hunter2@db:2113",
        MAILFOLD_BLOB_STORE: "file:///b",
      },
    });
    const shown = JSON.stringify(explained);
    assert.ok(!shown.includes("hunter2") && !shown.includes("tttt"), shown);
    const unescaped = loadConfig({
      env: {
        MAILFOLD_EVENT_STORE: "esdb://admin:hun@ter2@db:2113?tls=false",
        MAILFOLD_BLOB_STORE: "s3://key:hun/ter2@bucket?endpoint=https://s3.test",
      },
    }).explained.map(({ value }) => value);
    assert.ok(unescaped.includes("esdb://admin:********@db:2113?tls=false"), unescaped.join(" "));
    assert.ok(unescaped.includes("s3://key:********@bucket?endpoint=https://s3.test"), unescaped.join(" "));
    assert.ok(!messageOf(() => loadConfig({ env: { MAILFOLD_ADMIN_TOKEN: "short-secret" } })).includes("short-secret"));
  });

  test("scanners: where they are, what is allowed, and a password that never shows", () => {
    const none = loadConfig({ env: {} }).config;
    assert.deepEqual([none.rspamd, none.rspamdController, none.clamav], [undefined, undefined, undefined]);
    const env = {
      MAILFOLD_RSPAMD: "http://127.0.0.1:11333",
      MAILFOLD_RSPAMD_CONTROLLER: "http://:hunter2@127.0.0.1:11334",
    };
    const { config, explained } = loadConfig({ env: { ...env, MAILFOLD_CLAMAV: "[::1]:3310" } });
    assert.deepEqual(
      [config.rspamd, config.rspamdController],
      ["http://127.0.0.1:11333", "http://:hunter2@127.0.0.1:11334"],
    );
    assert.deepEqual(config.clamav, { host: "::1", port: 3310 });
    const shown = explained.find(({ name }) => name === "MAILFOLD_RSPAMD_CONTROLLER")?.value;
    assert.deepEqual([shown?.includes("hunter2"), shown?.includes("127.0.0.1:11334")], [false, true]);
    assert.equal(loadConfig({ env: { MAILFOLD_CLAMAV: "/run/clamd.sock" } }).config.clamav, "/run/clamd.sock");
    const fromFile = tomlFile('rspamd = "http://scan.test:11333"\nclamav = "scan.test:3310"\n');
    assert.deepEqual(loadConfig({ env: {}, file: fromFile }).config.clamav, { host: "scan.test", port: 3310 });
    for (const [name, value] of [
      ["MAILFOLD_RSPAMD", "127.0.0.1:11333"],
      ["MAILFOLD_RSPAMD", "ftp://127.0.0.1"],
      ["MAILFOLD_RSPAMD_CONTROLLER", "nonsense"],
      ["MAILFOLD_CLAMAV", "localhost"],
      ["MAILFOLD_CLAMAV", "localhost:99999"],
      ["MAILFOLD_CLAMAV", "clamd.sock"],
    ] as const) {
      const message = messageOf(() => loadConfig({ env: { [name]: value } }));
      assert.match(message, new RegExp(`^${name}: allowed is none, `), message);
      assert.equal(
        message.includes(value),
        name !== "MAILFOLD_RSPAMD_CONTROLLER",
        "what may hold a password is not shown",
      );
    }
    const alone = { MAILFOLD_RSPAMD_CONTROLLER: env.MAILFOLD_RSPAMD_CONTROLLER };
    const message = messageOf(() => loadConfig({ env: alone }));
    assert.deepEqual([/needs MAILFOLD_RSPAMD/.test(message), message.includes("hunter2")], [true, false]);
    const wrong = messageOf(() => loadConfig({ env: { ...env, MAILFOLD_RSPAMD_CONTROLLER: "http//:hunter2@host" } }));
    assert.ok(wrong.startsWith("MAILFOLD_RSPAMD_CONTROLLER: ") && !wrong.includes("hunter2"), wrong);
  });

  test("the demo is refused on a public address when asked for, and off by default there", () => {
    assert.equal(loadConfig({ env: { MAILFOLD_HOST: "0.0.0.0" } }).config.demo, false);
    assert.match(
      messageOf(() => loadConfig({ env: { MAILFOLD_HOST: "0.0.0.0", MAILFOLD_DEMO: "1" } })),
      /^MAILFOLD_DEMO: 1 is refused/,
    );
  });

  test("stores must fit together, and no two listeners may share a port", () => {
    assert.match(
      messageOf(() => loadConfig({ env: { MAILFOLD_EVENT_STORE: "kurrentdb://h:2113" } })),
      /^MAILFOLD_BLOB_STORE: a cluster log needs/,
    );
    assert.match(
      messageOf(() => loadConfig({ env: { MAILFOLD_SMTP_PORT: "1143" } })),
      /is also MAILFOLD_/,
    );
    assert.equal(loadConfig({ env: { MAILFOLD_SMTP_PORT: "0", MAILFOLD_IMAP_PORT: "0" } }).config.ports.smtp, 0);
  });
});
