import { connect, type Socket } from "node:net";

/** One message to send, and how to know it again. */
export interface SwarmMessage {
  readonly id: string;
  readonly recipient: string;
  /** CRLF lines, dot-stuffed, without the terminator. */
  readonly bytes: Buffer;
}

export interface SwarmOptions {
  readonly port: number;
  readonly host?: string;
  readonly connections: number;
  readonly sender: string;
  /** Next message of a connection; undefined ends that connection. */
  readonly next: () => SwarmMessage | undefined;
  /** `acknowledged`: 250 after the body. `refused`: any other answer. `cut`: the connection ended before an answer. */
  readonly onResult: (id: string, result: "acknowledged" | "refused" | "cut", text: string) => void;
  /** Connect again after a cut; for fault tests. */
  readonly reconnect?: boolean;
  readonly stopped?: () => boolean;
}

const terminator = Buffer.from(".\r\n");

/** Sends from many connections at once with PIPELINING, as little client work per message as Node allows. Resolves when every connection has ended. */
export async function runSwarm(options: SwarmOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.connections }, () => runMember(options)));
}

async function runMember(options: SwarmOptions): Promise<void> {
  for (;;) {
    const more = await new Promise<boolean>((resolve) => session(options, resolve));
    if (!more || options.reconnect !== true || options.stopped?.() === true) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function session(options: SwarmOptions, done: (more: boolean) => void): void {
  const socket: Socket = connect({ port: options.port, host: options.host ?? "127.0.0.1", noDelay: true });
  let state: "greeting" | "ehlo" | "envelope" | "body" | "ended" = "greeting";
  let current: SwarmMessage | undefined;
  let pending = "";
  let awaited = 1;
  let refusal = "";
  function end(more: boolean): void {
    if (state === "ended") return;
    state = "ended";
    if (current !== undefined) options.onResult(current.id, "cut", "");
    socket.destroy();
    done(more);
  }
  function begin(): void {
    current = options.stopped?.() === true ? undefined : options.next();
    if (current === undefined) return end(false);
    state = "envelope";
    awaited = 3;
    refusal = "";
    socket.write(`MAIL FROM:<${options.sender}>\r\nRCPT TO:<${current.recipient}>\r\nDATA\r\n`);
  }
  function onReply(code: number, text: string): void {
    awaited -= 1;
    if (state === "envelope" && code >= 400 && refusal === "") refusal = text;
    if (awaited > 0) return;
    if (state === "greeting" && code !== 220) end(true);
    else if (state === "greeting") {
      state = "ehlo";
      awaited = 1;
      socket.write("EHLO swarm.example\r\n");
    } else if (state === "ehlo") begin();
    else if (state === "envelope" && code === 354 && current !== undefined) {
      state = "body";
      awaited = 1;
      socket.cork();
      socket.write(current.bytes);
      socket.write(terminator);
      socket.uncork();
    } else if (current !== undefined) {
      const id = current.id;
      const acknowledged = state === "body" && code === 250;
      current = undefined;
      options.onResult(id, acknowledged ? "acknowledged" : "refused", refusal || text);
      if (acknowledged) begin();
      else end(true);
    }
  }
  socket.on("data", (chunk: Buffer) => {
    pending += chunk.toString("latin1");
    for (let at = pending.indexOf("\r\n"); at >= 0 && state !== "ended"; at = pending.indexOf("\r\n")) {
      const line = pending.slice(0, at);
      pending = pending.slice(at + 2);
      if (line[3] !== "-") onReply(Number(line.slice(0, 3)), line);
    }
  });
  socket.on("error", () => end(true));
  socket.on("close", () => end(true));
}

/** A message of about `sizeBytes` with a recognisable Message-ID and Subject. */
export function swarmMessage(id: string, recipient: string, sizeBytes: number): SwarmMessage {
  const head = `From: Swarm <swarm@sender.example>\r\nTo: <${recipient}>\r\nSubject: swarm ${id}\r\nMessage-ID: <${id}@swarm.example>\r\nDate: Tue, 24 Nov 2026 04:00:00 +0000\r\n\r\n`;
  const line = "All work and no play makes the swarm a dull client, line after line.\r\n";
  const body = line.repeat(Math.max(1, Math.ceil((sizeBytes - head.length) / line.length)));
  return { id, recipient, bytes: Buffer.from(head + body, "latin1") };
}
