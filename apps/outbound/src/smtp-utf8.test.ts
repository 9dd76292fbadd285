import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { attemptsOf, finishedOf, remoteHost, workUntil } from "./remote-host-test-world.ts";

const utf8Body = "Subject: grün\r\n\r\nbody\r\n";

/** What a host that offers these extensions is told at MAIL. */
async function mailCommandsTo(
  extensions: readonly string[],
  queued: { readonly body?: string; readonly smtpUtf8?: boolean; readonly recipients?: readonly string[] },
  world: ReturnType<typeof remoteHost>["world"],
): Promise<readonly string[]> {
  const commands: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let isData = false;
    socket.write("220 host\r\n");
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split("\r\n").slice(0, -1)) {
        if (isData && line !== ".") continue;
        isData = line === "DATA";
        if (line.startsWith("MAIL")) commands.push(line);
        if (line.startsWith("EHLO"))
          socket.write(
            ["host", ...extensions]
              .map((each, index, all) => `250${index === all.length - 1 ? " " : "-"}${each}\r\n`)
              .join(""),
          );
        else socket.write(isData ? "354 go\r\n" : "250 ok\r\n");
        if (line === "QUIT") socket.end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const house = world({ port: (server.address() as { port: number }).port });
  const id = await house.queue(queued);
  await workUntil(house, () => finishedOf(house, id) !== undefined);
  assert.equal(finishedOf(house, id)?.delivered, 1);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return commands;
}

describe("SMTPUTF8 on the way out (RFC 6531 3.4)", () => {
  const { received, world } = remoteHost();
  const extensions = ["PIPELINING", "SMTPUTF8", "8BITMIME", "SIZE 1000000"];

  test("a marked message says so where that is offered, its addresses being ASCII or not", async () => {
    const expected = [
      /^MAIL FROM:<alice@ours\.test> BODY=8BITMIME SIZE=\d+ SMTPUTF8$/,
      /^MAIL FROM:<alice@ours\.test> SMTPUTF8 BODY=8BITMIME SIZE=\d+$/,
    ];
    const [ascii] = await mailCommandsTo(extensions, { smtpUtf8: true, body: utf8Body }, world);
    assert.match(ascii ?? "", expected[0] as RegExp);
    const [other] = await mailCommandsTo(extensions, { smtpUtf8: true, recipients: ["jürgen@far.test"] }, world);
    assert.match(other ?? "", expected[1] as RegExp);
  });

  test("a message not marked does not", async () => {
    const [command] = await mailCommandsTo(extensions, {}, world);
    assert.doesNotMatch(command ?? "", /SMTPUTF8/);
  });

  test("not offered: fails for a header beyond ASCII, and goes as it is without one", async () => {
    const house = world();
    const failing = await house.queue({ smtpUtf8: true, body: utf8Body, vouchedBy: "none" });
    const passing = await house.queue({ smtpUtf8: true, body: "Subject: green\r\n\r\ngrün\r\n" });
    await workUntil(house, () => [failing, passing].every((id) => finishedOf(house, id) !== undefined));
    assert.equal(attemptsOf(house, failing)[0]?.results[0]?.enhancedCode, "5.6.7");
    assert.equal(finishedOf(house, passing)?.delivered, 1);
    assert.equal(received.length, 1);
  });
});
