import assert from "node:assert/strict";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  formatIp,
  formatIpPrefix,
  mayOpenRelaying,
  parseIp,
  parseIpPrefix,
  prefixContains,
  prefixOf,
} from "./ip-address.ts";

const octet = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const addressLike = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4Extended(),
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef:./ ") }),
  fc.ipV6().map((text) => `${text}:`),
);

describe("parseIp", () => {
  test("agrees with the platform's own parser on what is an address", () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        const parsed = parseIp(text);
        assert.equal(parsed !== undefined, isIPv4(text) || isIPv6(text), text);
      }),
      { numRuns: 2_000 },
    );
  });

  test("round-trips through its canonical text", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, fc.ipV6()), (text) => {
        const parsed = parseIp(text);
        assert.ok(parsed);
        assert.deepEqual(parseIp(formatIp(parsed)), parsed);
      }),
    );
  });

  test("writes RFC 5952 text", () => {
    for (const [text, canonical] of [
      ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
      ["0:0:0:0:0:0:0:0", "::"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["::FFFF:192.0.2.1", "192.0.2.1"],
      ["::ffff:c000:201", "192.0.2.1"],
    ] as const) {
      const parsed = parseIp(text);
      assert.equal(parsed && formatIp(parsed), canonical);
    }
  });

  test("refuses octal, short, signed and zoned forms", () => {
    for (const text of [
      "010.0.0.1",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "1.2.3.4.5",
      "fe80::1%eth0",
      "[::1]",
      "1.2.3.-4",
      "",
    ]) {
      assert.equal(parseIp(text), undefined, text);
    }
  });
});

describe("parseIpPrefix", () => {
  test("contains what the platform's block list contains", () => {
    const prefix = fc.tuple(fc.oneof(ipv4, fc.ipV6()), fc.nat(128));
    fc.assert(
      fc.property(prefix, fc.oneof(ipv4, fc.ipV6()), ([base, wanted], other) => {
        const ip = parseIp(base);
        const probe = parseIp(other);
        assert.ok(ip && probe);
        const network = prefixOf(ip, Math.min(wanted, ip.family === 4 ? 32 : 128));
        const list = new BlockList();
        list.addSubnet(formatIp(network), network.length, ip.family === 4 ? "ipv4" : "ipv6");
        const near = { ...probe, a: (network.a | (probe.a & 0xff)) >>> 0 };
        for (const candidate of [probe, ip, ...(near.family === ip.family ? [near] : [])]) {
          const expected: boolean =
            candidate.family === ip.family && list.check(formatIp(candidate), ip.family === 4 ? "ipv4" : "ipv6");
          assert.equal(
            prefixContains(network, candidate),
            expected,
            `${formatIpPrefix(network)} ${formatIp(candidate)}`,
          );
        }
      }),
    );
  });

  test("refuses host bits and lengths out of range, and says what was meant", () => {
    const problem = (text: string): string => {
      const parsed = parseIpPrefix(text);
      return "problem" in parsed ? parsed.problem : "";
    };
    assert.match(problem("192.0.2.5/24"), /192\.0\.2\.0\/24/);
    assert.match(problem("192.0.2.0/33"), /0 to 32/);
    assert.match(problem("192.0.2.0/024"), /prefix length/);
    assert.match(problem("2001:db8::/129"), /0 to 128/);
    assert.match(problem("::ffff:192.0.2.0/24"), /96 to 128/);
    assert.match(problem("host.example"), /not an IP/);
    const mapped = parseIpPrefix("::ffff:192.0.2.0/120");
    assert.equal("problem" in mapped ? "" : formatIpPrefix(mapped), "192.0.2.0/24");
  });

  test("only narrow networks that are not this machine may open relaying below the platform", () => {
    const may = (text: string): boolean => {
      const prefix = parseIpPrefix(text);
      assert.ok(!("problem" in prefix));
      return mayOpenRelaying(prefix);
    };
    assert.deepEqual(["192.0.2.0/24", "192.0.2.1", "2001:db8::/48", "2001:db8::1"].map(may), [true, true, true, true]);
    const wide = ["0.0.0.0/0", "192.0.2.0/23", "::/0", "2001:db8::/47", "127.0.0.1", "::1", "127.9.0.0/24", "::/48"];
    assert.deepEqual(
      wide.map(may),
      wide.map(() => false),
    );
  });
});
