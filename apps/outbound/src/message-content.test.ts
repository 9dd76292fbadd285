import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { contentSizeBytes, needsUtf8Header, readableOf } from "./message-content.ts";

const parts = (...texts: readonly string[]) => texts.map((text) => new TextEncoder().encode(text));

describe("message content", () => {
  test("streams every octet in order, in small pieces", async () => {
    const body = new Uint8Array(200_001).map((_, index) => index % 251);
    const content = [...parts("Received: x\r\n", ""), body.subarray(1)];
    const chunks = (await readableOf(content).toArray()) as Buffer[];
    assert.deepEqual(Buffer.concat(chunks), Buffer.concat(content));
    assert.equal(contentSizeBytes(content), 200_013);
    assert.ok(chunks.every((chunk) => chunk.length <= 65_536));
  });

  test("only what the header holds asks for SMTPUTF8", () => {
    assert.equal(needsUtf8Header(parts("Received: x\r\n", "Subject: grün\r\n\r\nx\r\n")), true);
    assert.equal(needsUtf8Header(parts("Received: x\r\n", "Subject: green\r\n\r\ngrün\r\n")), false);
    assert.equal(needsUtf8Header(parts("Received: x\r\n", "\r\ngrün\r\n")), false);
    assert.equal(needsUtf8Header(parts("Received: x\r\n", "Subject: y")), false);
  });
});
