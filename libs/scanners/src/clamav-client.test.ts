import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type ClamavClient, type ClamavOptions, createClamavClient } from "./clamav-client.ts";

type Behaviour = (socket: Socket) => void;

async function withServer<T>(
  behaviour: Behaviour,
  use: (client: ClamavClient) => Promise<T>,
  options: Partial<ClamavOptions> = {},
): Promise<T> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    behaviour(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await use(createClamavClient({ host: "127.0.0.1", port, deadlineMs: 2_000, ...options } as ClamavOptions));
  } finally {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Reads the protocol as clamd does and answers `verdict` for the whole stream. */
function clamd(verdict: (stream: Buffer) => string): Behaviour {
  return (socket) => {
    let input = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      input = Buffer.concat([input, data]);
      const stream = readStream(input);
      if (stream !== undefined) socket.end(`${verdict(stream)}\0`);
    });
  };
}

function readStream(input: Buffer): Buffer | undefined {
  const command = "zINSTREAM\0";
  if (input.length < command.length) return undefined;
  assert.equal(input.subarray(0, command.length).toString(), command);
  const chunks: Buffer[] = [];
  for (let at = command.length; at + 4 <= input.length; ) {
    const length = input.readUInt32BE(at);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(input.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return undefined;
}

const small = Buffer.from("Subject: x\r\n\r\nhello\r\n");
const scan = (client: ClamavClient) => client.scan(small);

describe("clamav client", () => {
  test("clean and infected, over TCP", async () => {
    assert.deepEqual(
      await withServer(
        clamd(() => "stream: OK"),
        scan,
      ),
      { status: "clean" },
    );
    const found = await withServer(
      clamd(() => "stream: Eicar-Test FOUND"),
      scan,
    );
    assert.deepEqual(found, { status: "infected", signature: "Eicar-Test" });
  });

  test("a Unix socket is an address too", async () => {
    const dir = mkdtempSync(join(tmpdir(), "mailfold-clamav-"));
    const socketPath = join(dir, "s");
    const server = createServer(clamd(() => "stream: OK"));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    assert.deepEqual(await scan(createClamavClient({ socketPath, deadlineMs: 2_000 })), { status: "clean" });
    await new Promise((resolve) => server.close(resolve));
    rmSync(dir, { recursive: true });
  });

  test("every octet arrives, whatever the size, an empty message included", async () => {
    for (const size of [0, 1, 65_536, 65_537, 3_000_000]) {
      const message = Buffer.alloc(size, "abcdefghij");
      let seen = Buffer.alloc(0);
      const keep = clamd((stream) => {
        seen = Buffer.from(stream);
        return "stream: OK";
      });
      assert.deepEqual(await withServer(keep, (client) => client.scan(message)), { status: "clean" });
      assert.ok(seen.equals(message), String(size));
    }
  });

  test("a message over the limit is too large, by our limit or by clamd's early answer", async () => {
    const asked: string[] = [];
    const never: Behaviour = () => void asked.push("asked");
    const big = Buffer.alloc(20_000_000);
    const own = await withServer(never, (client) => client.scan(big), { streamMaxBytes: 1_000 });
    assert.deepEqual([own, asked], [{ status: "tooLarge" }, []]);
    const early: Behaviour = (socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write("INSTREAM size limit exceeded. ERROR\0");
      });
    };
    assert.deepEqual(await withServer(early, (client) => client.scan(big)), { status: "tooLarge" });
  });

  const trouble: Record<string, Behaviour> = {
    "an error line": clamd(() => "stream: Can't allocate memory ERROR"),
    garbage: clamd(() => "\u0007\u001b[31mFOUND"),
    "a greeting of another protocol": (socket) => void socket.end("220 smtp.test ESMTP\r\n"),
    "a cut before the verdict": (socket) => void socket.once("data", () => socket.end()),
    "a reset": (socket) => void socket.once("data", () => socket.resetAndDestroy()),
    "an endless reply": (socket) => {
      const flood = (): void => {
        while (socket.writable && socket.write("x".repeat(65_536)));
      };
      socket.on("drain", flood);
      flood();
    },
  };
  for (const [name, behaviour] of Object.entries(trouble))
    test(`${name} is down`, async () => {
      const answer = await withServer(behaviour, scan);
      assert.ok(answer.status === "down" && /^[\x20-\x7e]{1,200}$/.test(answer.cause), JSON.stringify(answer));
    });

  test("silence, and a server that reads nothing, are down at the deadline", async () => {
    const started = performance.now();
    const silent = await withServer((socket) => void socket.resume(), scan, { deadlineMs: 100 });
    assert.deepEqual(silent, { status: "down", cause: "no answer in 100 ms" });
    const stuck = await withServer(
      (socket) => void socket.pause(),
      (client) => client.scan(Buffer.alloc(50_000_000)),
      {
        deadlineMs: 100,
      },
    );
    assert.equal(stuck.status, "down");
    assert.ok(performance.now() - started < 2_000);
  });

  test("nobody listening is down, at last without asking", async () => {
    const client = createClamavClient({ host: "127.0.0.1", port: 1, deadlineMs: 1_000, failuresMax: 2 });
    for (const cause of [/ECONNREFUSED/, /ECONNREFUSED/, /^not asked after 2 failures/]) {
      const answer = await scan(client);
      assert.ok(answer.status === "down");
      assert.match(answer.cause, cause);
    }
  });
});
