import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { createRspamdClient, type RspamdClient, type RspamdOptions } from "./rspamd-client.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function withServer<T>(
  handler: Handler,
  use: (client: RspamdClient) => Promise<T>,
  options: Partial<RspamdOptions> = {},
): Promise<T> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await use(createRspamdClient({ url: `http://127.0.0.1:${port}`, deadlineMs: 2_000, ...options }));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const message = Buffer.from("Subject: x\r\n\r\nhello\r\n");
const envelope = { from: "a@x.test", recipients: ["b@y.test", "c@y.test"], ip: "192.0.2.1", helo: "h.test" };
const says =
  (body: string, code = 200): Handler =>
  (request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(code).end(body));
  };
const scan = (client: RspamdClient) => client.scan(message, envelope);

describe("rspamd client", () => {
  test("tells the session, sends the message, and reads score, action, symbols and subject", async () => {
    const seen: { headers?: IncomingMessage["headers"]; url?: string; body: string } = { body: "" };
    const handler: Handler = (request, response) => {
      Object.assign(seen, { headers: request.headers, url: request.url });
      request.on("data", (chunk: Buffer) => (seen.body += chunk.toString("latin1")));
      request.on("end", () =>
        response.end(
          JSON.stringify({
            score: 7.5,
            required_score: 15,
            action: "rewrite subject",
            subject: "[SPAM] x",
            symbols: { SMALL: { score: 0.5 }, BIG: { score: -7 }, ODD: 1 },
          }),
        ),
      );
    };
    const answer = await withServer(handler, (client) =>
      client.scan(message, { ...envelope, user: "ü@y.test\r\nX-Evil: 1", queueId: "q1" }),
    );
    assert.deepEqual(answer, {
      status: "scanned",
      score: 7.5,
      requiredScore: 15,
      action: "rewrite subject",
      symbols: [
        { name: "BIG", score: -7 },
        { name: "SMALL", score: 0.5 },
        { name: "ODD", score: 0 },
      ],
      subject: "[SPAM] x",
    });
    const { headers } = seen;
    assert.equal(seen.url, "/checkv2");
    assert.equal(seen.body, message.toString());
    assert.deepEqual(
      [headers?.from, headers?.rcpt, headers?.ip, headers?.helo, headers?.["queue-id"]],
      ["a@x.test", "b@y.test, c@y.test", "192.0.2.1", "h.test", "q1"],
    );
    assert.equal(Buffer.from(String(headers?.user), "latin1").toString(), "ü@y.test??X-Evil: 1");
    assert.equal(headers?.["x-evil"], undefined);
  });

  test("symbols are capped, the weightiest kept", async () => {
    const symbols = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`S${i}`, { score: i }]));
    const body = JSON.stringify({ score: 1, required_score: 15, action: "no action", symbols });
    const answer = await withServer(says(body), scan);
    assert.ok(answer.status === "scanned" && answer.symbols.length === 100 && answer.symbols[0]?.name === "S4999");
  });

  const garbage: Record<string, Handler> = {
    "what is no JSON": says("<html>"),
    "JSON of another shape": says('{"score":"high","action":1}'),
    "an array": says("[]"),
    "an error": says('{"error":"overloaded"}', 503),
    "a redirect": (_, response) => response.writeHead(302, { Location: "http://127.0.0.1:1/" }).end(),
    "an endless answer": (request, response) => {
      request.resume();
      const flood = (): void => {
        while (response.writable && response.write("x".repeat(65_536)));
      };
      response.on("drain", flood);
      flood();
    },
    "a cut answer": (_, response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write("{");
      setImmediate(() => response.destroy());
    },
    "a cut connection": (request) => request.socket.destroy(),
    "no HTTP": (request) => request.socket.end("220 smtp.test ESMTP\r\n"),
  };
  for (const [name, handler] of Object.entries(garbage))
    test(`${name} is down`, async () => {
      const answer = await withServer(handler, scan);
      assert.ok(answer.status === "down" && answer.cause.length > 0 && answer.cause.length <= 200);
    });

  test("silence, and an answer that trickles, are down at the deadline", async () => {
    const trickle: Handler = (_, response) => {
      const timer = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(timer));
    };
    for (const handler of [(() => undefined) as Handler, trickle]) {
      const started = performance.now();
      const answer = await withServer(handler, scan, { deadlineMs: 150 });
      assert.deepEqual(answer, { status: "down", cause: "no answer in 150 ms" });
      assert.ok(performance.now() - started < 1_000);
    }
  });

  test("nobody listening is down, and after five such answers nobody is asked", async () => {
    const client = createRspamdClient({ url: "http://127.0.0.1:1", deadlineMs: 1_000 });
    for (let i = 0; i < 5; i++) assert.match(causeOf(await scan(client)), /fetch failed|bad port/);
    assert.match(causeOf(await scan(client)), /^not asked after 5 failures/);
  });

  test("learning: done, refused, down", async () => {
    const learn = (client: RspamdClient) => client.learn(message, "spam");
    let asked: unknown[] = [];
    const ok: Handler = (request, response) => {
      asked = [request.url, request.headers.password];
      says('{"success":true}')(request, response);
    };
    assert.deepEqual(await withServer(ok, learn, { password: "pw" }), { status: "learned" });
    assert.deepEqual(asked, ["/learnspam", "pw"]);
    const again = await withServer(says('{"error":"already learned"}', 208), learn);
    assert.deepEqual(again, { status: "refused", cause: "HTTP 208: already learned" });
    assert.equal((await withServer(says("oops", 500), learn)).status, "down");
  });

  test("more than the bound wait, and more than that are turned away without an error", async () => {
    let running = 0;
    let most = 0;
    const slow: Handler = (request, response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        says('{"score":0,"required_score":1,"action":"no action"}')(request, response);
      }, 30);
    };
    const answers = await withServer(slow, (client) => Promise.all(Array.from({ length: 10 }, () => scan(client))), {
      concurrencyMax: 2,
      waitersMax: 4,
    });
    const downs = answers.filter((answer) => answer.status === "down");
    assert.deepEqual([most, downs.length], [2, 4]);
    assert.deepEqual(new Set(downs.map(causeOf)), new Set(["too many scans under way"]));
  });
});

function causeOf(answer: { readonly status: string; readonly cause?: string }): string {
  return answer.status === "down" ? (answer.cause ?? "") : answer.status;
}
