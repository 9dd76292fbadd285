import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { proxyAddress } from "./platform.ts";

/** One SMTP reply: its code and all its lines' text. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

/** A raw SMTP client for tests: says exactly what it is told. Every wait ends after 15 s. */
export interface Dialogue {
  /** Sends bytes as they are. */
  raw(bytes: string | Buffer): void;
  /** Next reply. Code 0 = the connection closed. */
  reply(): Promise<Reply>;
  command(line: string): Promise<Reply>;
  /** `behind`: octets sent in clear in the same segment, as an attacker in the middle would. */
  startTls(behind?: string): Promise<Reply>;
  authPlain(login: string, password: string): Promise<Reply>;
  /** Sends a message body after DATA was answered 354; dots stuffed, terminator added. */
  body(message: string): Promise<Reply>;
  close(): void;
  /** Ends the connection by RST. */
  reset(): void;
  readonly closed: boolean;
}

export interface DialogueOptions {
  readonly host?: string;
  readonly port: number;
  readonly implicitTls?: boolean;
  /** Claimed client address, sent as a PROXY v1 line first. */
  readonly proxyFrom?: string;
}

const waitMs = 15_000;

/** Connects; the greeting is the first `reply()`. */
export async function openDialogue(options: DialogueOptions): Promise<Dialogue> {
  const host = options.host ?? "127.0.0.1";
  const from = options.proxyFrom === undefined ? {} : { localAddress: proxyAddress };
  const tcp = connectTcp({ host, port: options.port, ...from });
  await once(tcp, "connect");
  if (options.proxyFrom !== undefined) {
    const family = options.proxyFrom.includes(":") ? ["TCP6", "2001:db8:ffff::1"] : ["TCP4", "192.0.2.254"];
    tcp.write(`PROXY ${family[0]} ${options.proxyFrom} ${family[1]} 40000 25\r\n`);
  }
  return dialogueOver(options.implicitTls ? await secure(tcp) : tcp);
}

async function secure(tcp: Socket): Promise<Socket> {
  const tls = connectTls({ socket: tcp, rejectUnauthorized: false });
  await once(tls, "secureConnect");
  return tls;
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} in ${waitMs} ms`)), waitMs);
    socket.once(event, () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once("error", reject);
  });
}

function dialogueOver(first: Socket): Dialogue {
  let socket = first;
  let buffered = "";
  let closed = false;
  let wake: (() => void) | undefined;
  function listen(): void {
    socket.on("data", (chunk: Buffer) => {
      buffered += chunk.toString("utf8");
      wake?.();
    });
    const end = () => {
      closed = true;
      wake?.();
    };
    socket.on("close", end).on("error", end).on("end", end);
  }
  listen();
  function takeReply(): Reply | undefined {
    const match = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3})(?: [^\r\n]*)?\r\n/.exec(buffered);
    if (match === null) return undefined;
    buffered = buffered.slice(match[0].length);
    const text = match[0]
      .trimEnd()
      .split("\r\n")
      .map((line) => line.slice(4))
      .join("\n");
    return { code: Number(match[1]), text };
  }
  const dialogue: Dialogue = {
    get closed() {
      return closed;
    },
    raw: (bytes) => void socket.write(bytes),
    async reply() {
      const deadline = Date.now() + waitMs;
      for (;;) {
        const reply = takeReply();
        if (reply !== undefined) return reply;
        if (closed) return { code: 0, text: "connection closed" };
        if (Date.now() > deadline) throw new Error(`no reply in ${waitMs} ms; buffered: ${JSON.stringify(buffered)}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 200);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    command(line) {
      socket.write(`${line}\r\n`);
      return dialogue.reply();
    },
    async startTls(behind = "") {
      const reply = await dialogue.command(`STARTTLS\r\n${behind}`.trimEnd());
      if (reply.code !== 220) return reply;
      socket.removeAllListeners();
      socket = await secure(socket);
      listen();
      return reply;
    },
    authPlain: (login, password) =>
      dialogue.command(`AUTH PLAIN ${Buffer.from(`\0${login}\0${password}`).toString("base64")}`),
    body(message) {
      const stuffed = message.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..");
      socket.write(`${stuffed}${stuffed.endsWith("\r\n") ? "" : "\r\n"}.\r\n`);
      return dialogue.reply();
    },
    close: () => void socket.destroy(),
    reset: () => void socket.resetAndDestroy(),
  };
  return dialogue;
}

/** Connects and reads the greeting; does what RFC 5321 asks of a client told 421 by a busy server: comes again later. */
async function openGreeted(options: DialogueOptions): Promise<Dialogue> {
  for (let tries = 1; ; tries += 1) {
    const dialogue = await openDialogue(options);
    const greeting = await dialogue.reply();
    if (greeting.code === 220) return dialogue;
    dialogue.close();
    if (tries === 20) throw new Error(`no 220 in ${tries} tries: ${greeting.code} ${greeting.text}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

export interface Letter {
  readonly from: string;
  readonly to: readonly string[];
  readonly message?: string;
  readonly login?: { readonly address: string; readonly password: string };
}

/** One whole transaction. Answers every reply; `final` is the one after the body, or the last refusal. */
export async function sendLetter(
  options: DialogueOptions & { readonly startTls?: boolean },
  letter: Letter,
): Promise<{ readonly rcpt: readonly Reply[]; readonly final: Reply }> {
  const dialogue = await openGreeted(options);
  try {
    await dialogue.command("EHLO client.example");
    if (options.startTls) {
      await dialogue.startTls();
      await dialogue.command("EHLO client.example");
    }
    if (letter.login !== undefined) {
      const auth = await dialogue.authPlain(letter.login.address, letter.login.password);
      if (auth.code !== 235) return { rcpt: [], final: auth };
    }
    const mail = await dialogue.command(`MAIL FROM:<${letter.from}>`);
    if (mail.code !== 250) return { rcpt: [], final: mail };
    const rcpt: Reply[] = [];
    for (const to of letter.to) rcpt.push(await dialogue.command(`RCPT TO:<${to}>`));
    if (!rcpt.some((reply) => reply.code === 250)) return { rcpt, final: rcpt.at(-1) ?? mail };
    const data = await dialogue.command("DATA");
    if (data.code !== 354) return { rcpt, final: data };
    const message =
      letter.message ??
      `From: <${letter.from || "mailer-daemon@sender.example"}>\nTo: <${letter.to[0]}>\nSubject: test\n\nhello\n`;
    return { rcpt, final: await dialogue.body(message) };
  } finally {
    dialogue.close();
  }
}
