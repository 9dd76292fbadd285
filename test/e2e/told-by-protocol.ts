import { connect as connectTls } from "node:tls";
import { openFeed } from "./feed-connection.ts";
import type { Platform } from "./platform.ts";
import { openDialogue } from "./smtp-dialogue.ts";

export async function headOf(platform: Platform): Promise<string> {
  const feed = await openFeed(platform.ports.http, platform.token);
  feed.socket.terminate();
  return feed.welcome.head;
}

/** What a subscription is told until it has caught up, without positions. */
export async function transcript(
  platform: Platform,
  token: string,
  subscription: Record<string, unknown>,
): Promise<readonly string[]> {
  const feed = await openFeed(platform.ports.http, token);
  feed.send({ type: "subscribe", id: "f", ...subscription });
  await feed.until(() => feed.of("caughtUp")[0] ?? feed.closed);
  feed.socket.terminate();
  const told = feed.messages.filter((message) => message.type !== "welcome" && message.type !== "bookmark");
  return [
    ...told.map(({ type, event }) => (event === undefined ? type : `${type} ${event.id}`)),
    ...(feed.closed ? [JSON.stringify(feed.closed)] : []),
  ];
}

export function mailPart(dump: string): string {
  return JSON.stringify((JSON.parse(dump) as { mail: unknown }).mail);
}

/** Logs in over TLS and says the commands one after the other; answers every line but the greeting. */
export function imapAnswers(
  platform: Platform,
  name: string,
  password: string,
  commands: readonly string[],
): Promise<readonly string[]> {
  const lines = [`LOGIN "${name}" "${password}"`, ...commands];
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port: platform.ports.imaps, rejectUnauthorized: false });
    const answers: string[] = [];
    let rest = "";
    let next = 0;
    const timer = setTimeout(() => socket.destroy(new Error(`IMAP: no answer to ${lines[next - 1]}`)), 20_000);
    const say = () => {
      if (next === lines.length) return socket.end("bye LOGOUT\r\n");
      next += 1;
      socket.write(`t${next} ${lines[next - 1]}\r\n`);
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      const all = (rest + chunk).split("\r\n");
      rest = all.pop() ?? "";
      for (const line of all) {
        if (line.startsWith("* OK") && next === 0) say();
        else if (!line.startsWith("bye") && !line.startsWith("* BYE")) answers.push(line);
        if (line.startsWith(`t${next} `)) say();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answers);
    });
  });
}

/** What submission answers to a login. */
export async function submissionAnswer(platform: Platform, login: string, password: string) {
  const dialogue = await openDialogue({ port: platform.ports.submissions, implicitTls: true });
  try {
    await dialogue.reply();
    await dialogue.command("EHLO c.example");
    return await dialogue.authPlain(login, password);
  } finally {
    dialogue.close();
  }
}

/** Names under which another user's folders might be reached. */
export function foldersOf(other: string): readonly string[] {
  return [other, `${other}/INBOX`, `Other Users/${other}`, `user/${other}`, `#user/${other}`, `../${other}`];
}

/** IMAP commands that would tell whether a folder is there. */
export function folderCommands(folder: string): readonly string[] {
  return ["SELECT", "EXAMINE", "UNSUBSCRIBE", "DELETE"]
    .map((verb) => `${verb} "${folder}"`)
    .concat(
      `STATUS "${folder}" (MESSAGES UIDNEXT)`,
      `LIST "" "${folder}*"`,
      `LSUB "" "${folder}*"`,
      `RENAME "${folder}" "mine"`,
    );
}
