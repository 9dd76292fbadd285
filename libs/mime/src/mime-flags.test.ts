import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { findMimeFlags } from "./index.ts";

const flagsOf = (...lines: readonly string[]) => findMimeFlags(Buffer.from(lines.join("\r\n"), "latin1"));
const sound = [
  "From: a@x.test",
  "Subject: gr\u00c3\u00bc\u00c3\u009fe",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "hello",
];

describe("findMimeFlags", () => {
  test("a sound message has none, nor has one with parts", () => {
    assert.deepEqual(flagsOf(...sound), []);
    assert.deepEqual(
      flagsOf(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "a =3D b=",
        "c",
        "--b",
        "Content-Type: image/png; name=a.png",
        "Content-Transfer-Encoding: base64",
        "",
        "iVBORw0KGgo=",
        "--b--",
        "",
      ),
      [],
    );
  });

  test("each defect is named", () => {
    assert.deepEqual(flagsOf("From: a@x.test", "no field at all", "", "x"), ["bad-header-line"]);
    assert.deepEqual(flagsOf("From: a\0b", "", "x"), ["nul-in-header"]);
    assert.deepEqual(flagsOf("Subject: gr\u00fc\u00dfe", "", "x"), ["raw-8bit-header"]);
    assert.deepEqual(flagsOf("Content-Type: multipart/mixed", "", "x"), ["missing-boundary"]);
    assert.deepEqual(flagsOf("Content-Type: multipart/mixed; boundary=b", "", "--b", "", "x"), [
      "unterminated-multipart",
    ]);
    assert.deepEqual(flagsOf("Content-Transfer-Encoding: base64", "", "*** no base64 ***"), ["bad-encoding"]);
    assert.deepEqual(flagsOf("Content-Transfer-Encoding: quoted-printable", "", "100 =% sure"), ["bad-encoding"]);
    assert.deepEqual(flagsOf("Content-Transfer-Encoding: x-zip", "", "x"), ["unknown-encoding"]);
    assert.deepEqual(flagsOf("Content-Type: text/plain; charset=x-nobody", "", "x"), ["unknown-charset"]);
    assert.deepEqual(flagsOf("Content-Type: image/png", "Content-Transfer-Encoding: base64", "", "TVqQAAMA"), [
      "type-mismatch",
    ]);
    assert.deepEqual(flagsOf("Content-Type: image/png; name=photo.scr", "", "x"), ["type-mismatch"]);
  });

  test("a cut body is not taken for a broken one", () => {
    const line = `${"=3D".repeat(25)}=\r\n`;
    assert.deepEqual(flagsOf("Content-Transfer-Encoding: quoted-printable", "", line.repeat(3_000)), []);
  });

  test("no octets make it throw", () => {
    const pieces = fc.constantFrom(
      "Content-Type: multipart/mixed; boundary=x\r\n",
      "\r\n",
      "--x\r\n",
      "--x--",
      "Content-Transfer-Encoding: base64\r\n",
      "Content-Type: message/rfc822\r\n",
      ":",
      "\0",
      "\xff",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        findMimeFlags(Buffer.from(parts.join(""), "latin1"));
      }),
      { numRuns: 300 },
    );
  });
});
