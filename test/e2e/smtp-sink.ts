import { createServer, type Socket } from "node:net";

/** A message that reached the outside world. */
interface SunkLetter {
  readonly from: string;
  readonly to: readonly string[];
  readonly message: string;
  readonly at: number;
}

/** The rest of the Internet, as far as mail goes: a server that takes what it is given and keeps it. */
export interface SmtpSink {
  readonly port: number;
  readonly letters: readonly SunkLetter[];
  /** Connections so far. */
  readonly connections: number;
  /** Reply to RCPT by recipient; 250 where nothing is set. */
  readonly refusals: Map<string, string>;
  /** Waits until a letter to this recipient is here; fails after `timeoutMs`. */
  letterTo(recipient: string, timeoutMs?: number): Promise<SunkLetter>;
  lettersTo(recipient: string): readonly SunkLetter[];
  close(): Promise<void>;
}

/** Listens on `host:port` (default: a free port of 127.0.0.1). */
export async function startSmtpSink(
  options: { readonly host?: string; readonly port?: number } = {},
): Promise<SmtpSink> {
  const letters: SunkLetter[] = [];
  const refusals = new Map<string, string>();
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    serveSink(socket, { refusals, take: (letter) => letters.push(letter) });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  const lettersTo = (recipient: string) => letters.filter((letter) => letter.to.includes(recipient));
  return {
    port: (server.address() as { port: number }).port,
    letters,
    get connections() {
      return connections;
    },
    refusals,
    lettersTo,
    async letterTo(recipient, timeoutMs = 15_000) {
      for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; ) {
        const [letter] = lettersTo(recipient);
        if (letter !== undefined) return letter;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`no mail to ${recipient} in ${timeoutMs} ms; there are ${letters.map((each) => each.to.join())}`);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serveSink(
  socket: Socket,
  sink: { readonly refusals: ReadonlyMap<string, string>; readonly take: (letter: SunkLetter) => void },
): void {
  let buffered = "";
  let from = "";
  let to: string[] = [];
  let inData = false;
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  const pathOf = (line: string) => /<([^>]*)>/.exec(line)?.[1] ?? "";
  const command = (line: string): void => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === "EHLO") say("250-sink.example\r\n250-8BITMIME\r\n250 PIPELINING");
    else if (verb === "MAIL") {
      from = pathOf(line);
      to = [];
      say("250 2.1.0 ok");
    } else if (verb === "RCPT") {
      const refusal = sink.refusals.get(pathOf(line));
      if (refusal === undefined) to.push(pathOf(line));
      say(refusal ?? "250 2.1.5 ok");
    } else if (verb === "DATA") {
      inData = to.length > 0;
      say(inData ? "354 go on" : "554 no recipients");
    } else if (verb === "QUIT") socket.end("221 bye\r\n");
    else say("250 ok");
  };
  socket.on("data", (chunk) => {
    buffered += chunk.toString("latin1");
    for (;;) {
      const mark = inData ? "\r\n.\r\n" : "\r\n";
      const end = buffered.indexOf(mark);
      if (end < 0) return;
      const text = buffered.slice(0, end);
      buffered = buffered.slice(end + mark.length);
      if (!inData) command(text);
      else {
        inData = false;
        sink.take({ from, to, message: text.replace(/^\.\./gm, "."), at: Date.now() });
        say("250 2.0.0 taken");
      }
    }
  });
  say("220 sink.example ESMTP");
}
