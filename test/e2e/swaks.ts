import { execFile } from "node:child_process";
import { proxyAddress } from "./platform.ts";

export interface SwaksLetter {
  readonly port: number;
  readonly from: string;
  readonly to: string | readonly string[];
  /** Claimed client address, by PROXY v1. */
  readonly proxyFrom?: string;
  readonly helo?: string;
  readonly login?: { readonly address: string; readonly password: string };
  /** More swaks options, as on its command line. */
  readonly options?: readonly string[];
}

export interface SwaksResult {
  /** The last reply before QUIT: that of the message, or the refusal that ended it. */
  readonly code: number;
  readonly text: string;
  /** `vrd_...` of a refusal, `msg_...` of a message taken. */
  readonly reference: string;
  readonly transcript: string;
}

/** Sends one message with the real swaks. A server that sheds load (421 4.3.2) is asked again, as a mail server would. */
export async function swaks(letter: SwaksLetter): Promise<SwaksResult> {
  for (let attempt = 1; ; attempt += 1) {
    const transcript = await runSwaks(argumentsOf(letter));
    if (!transcript.includes("421 4.3.2") || attempt === 20) return resultOf(transcript);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function argumentsOf(letter: SwaksLetter): readonly string[] {
  const { proxyFrom, login } = letter;
  const to = typeof letter.to === "string" ? letter.to : letter.to.join(",");
  const isSix = proxyFrom?.includes(":") === true;
  const proxy =
    proxyFrom === undefined
      ? []
      : [
          ...["--local-interface", proxyAddress, "--proxy-version", "1", "--proxy-family", isSix ? "TCP6" : "TCP4"],
          ...["--proxy-source", proxyFrom, "--proxy-source-port", "40000"],
          ...["--proxy-dest", isSix ? "2001:db8:ffff::1" : "192.0.2.254", "--proxy-dest-port", "25"],
        ];
  const auth =
    login === undefined ? [] : ["--auth", "PLAIN", "--auth-user", login.address, "--auth-password", login.password];
  return [
    ...["--server", "127.0.0.1", "--port", String(letter.port), "--timeout", "20"],
    ...["--helo", letter.helo ?? "client.example", "--from", letter.from === "" ? "<>" : letter.from, "--to", to],
    ...["--header", "From: somebody@sender.example", "--suppress-data"],
    ...proxy,
    ...auth,
    ...(letter.options ?? []),
  ];
}

function runSwaks(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // Its exit code says where a refusal came; the transcript says it better.
    execFile("swaks", args, { timeout: 40_000 }, (error, stdout, stderr) => {
      if (error !== null && (error.killed || error.code === "ENOENT")) reject(error);
      else resolve(stdout + stderr);
    });
  });
}

function resultOf(transcript: string): SwaksResult {
  const beforeQuit = transcript.split(/^ ?[~-]+> QUIT/m)[0] ?? "";
  const replies = [...beforeQuit.matchAll(/^<[-~* ]{2} +(\d{3})[ -](.*)$/gm)];
  const last = replies.at(-1);
  const text = last?.[2] ?? "";
  return {
    code: Number(last?.[1] ?? 0),
    text,
    reference: /\b(?:vrd|msg)_[0-9a-z]+/i.exec(text)?.[0] ?? "",
    transcript,
  };
}
