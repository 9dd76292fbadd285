import type { Command } from "commander";
import { WebSocket } from "ws";
import { ApiError, anyName } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { printJson } from "../print.ts";
import { wholeNumber } from "./whole-number.ts";

interface FeedMessage {
  readonly type: string;
  readonly position?: string;
  readonly event?: {
    readonly type: string;
    readonly time: string;
    readonly subject?: string;
    readonly data?: { readonly actor?: { readonly type: string; readonly id: string } };
  };
}

/** `mailfold audit tail`: the live audit feed, resumable by position. */
export function addAuditCommands(program: Command): void {
  program
    .command("audit")
    .description("the audit trail")
    .command("tail")
    .description("follow the live audit feed")
    .option("--from <where>", "now, start, or a position to continue after", "now")
    .option("--types <types>", "event types, separated by commas")
    .option("--count <n>", "stop after this many events", wholeNumber(1))
    .action(async (options: { from: string; types?: string; count?: number }, command: Command) => {
      const context = contextOf(command);
      const { url, token, ca } = context.api();
      const from = options.from === "now" || options.from === "start" ? options.from : { position: options.from };
      const where = options.types === undefined ? {} : { types: options.types.split(",") };
      await tail({ url, token, ca, from, where, count: options.count ?? Number.POSITIVE_INFINITY }, (message) => {
        if (context.json) return printJson(message);
        const { event } = message;
        const actor = event?.data?.actor;
        process.stdout.write(
          `${message.position}  ${event?.time}  ${event?.type}  ${event?.subject ?? "-"}  by ${actor?.type ?? "-"} ${actor?.id ?? ""}\n`,
        );
      });
    });
}

interface TailOptions {
  readonly url: string;
  readonly token: string;
  readonly ca: Buffer | undefined;
  readonly from: unknown;
  readonly where: Readonly<Record<string, unknown>>;
  readonly count: number;
}

function tail(options: TailOptions, onEvent: (message: FeedMessage) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // ws names another return type than tls.connect, which gets the option: undefined = nothing wrong.
    const trust =
      options.ca === undefined ? {} : { ca: options.ca, checkServerIdentity: anyName as unknown as () => boolean };
    const socket = new WebSocket(`${options.url.replace(/^http/, "ws")}/audit`, "mailfold.audit.v1", trust);
    const send = (message: unknown) => socket.send(JSON.stringify(message));
    let seen = 0;
    socket.onopen = () => send({ type: "hello", token: options.token });
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as FeedMessage;
      if (message.type === "welcome")
        send({ type: "subscribe", id: "tail", from: options.from, where: options.where, window: 256 });
      else if (message.type === "ping") send({ type: "pong" });
      else if (message.type === "event" && seen < options.count) {
        onEvent(message);
        send({ type: "ack", id: "tail", position: message.position });
        seen += 1;
        if (seen >= options.count) socket.close(1000);
      }
    };
    socket.onerror = () => reject(new ApiError(`${options.url} does not answer`));
    socket.onclose = ({ code, reason }) =>
      code === 1000 || seen >= options.count
        ? resolve()
        : reject(new ApiError(`the feed ended with ${code} ${reason}`));
  });
}
