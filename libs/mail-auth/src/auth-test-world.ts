import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import type { MessageAuthInput, MessageAuthResult } from "./auth-result.ts";
import { authenticateMessage } from "./authenticate-message.ts";
import type { AuthDnsAnswer, AuthResolver } from "./resolver-port.ts";

/** What a name of a test's DNS says: TXT, A, AAAA, PTR as texts, MX as `10 host`; or that it does not answer. */
export type FakeName = Readonly<Record<string, readonly string[]>> | "servfail" | "silent";

/** A resolver over a plain table, and every question it was asked. */
export function fakeResolver(zone: Readonly<Record<string, FakeName>>): AuthResolver & { readonly asked: string[] } {
  const asked: string[] = [];
  const look = async (name: string, type: string): Promise<AuthDnsAnswer<string>> => {
    asked.push(`${type} ${name}`);
    const plan = zone[name];
    if (plan === undefined) return { status: "none", noSuchName: true };
    if (plan === "servfail") return { status: "failed", cause: "ESERVFAIL" };
    if (plan === "silent") return new Promise(() => undefined);
    const records = plan[type] ?? [];
    return records.length === 0 ? { status: "none" } : { status: "found", records };
  };
  return {
    asked,
    txt: (name) => look(name, "TXT"),
    ptr: (ip) => look(ip, "PTR"),
    addresses: (name, family) => look(name, family === 4 ? "A" : "AAAA"),
    async mx(name) {
      const answer = await look(name, "MX");
      if (answer.status !== "found") return answer;
      const records = answer.records.map((record) => {
        const [priority, exchange] = record.split(" ") as [string, string];
        return { priority: Number(priority), exchange };
      });
      return { status: "found", records };
    },
  };
}

/** A key pair and its DNS record. */
export interface TestKey {
  readonly pem: string;
  readonly record: string;
}

function rsaKey(modulusLength: number): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength });
  const p = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  return { pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), record: `v=DKIM1; k=rsa; p=${p}` };
}

function ed25519Key(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const p = publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
  return { pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), record: `v=DKIM1; k=ed25519; p=${p}` };
}

/** Keys for all tests; made once, as RSA ones take a while. */
export const testKeys = { rsa: rsaKey(2048), short: rsaKey(512), ed25519: ed25519Key() } as const;

/** A plain message From alice at `domain`. */
export function plainMessage(domain = "sender.test", body = "Hello.\r\n"): string {
  return `From: Alice <alice@${domain}>\r\nTo: bob@demo.test\r\nSubject: Hi\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@${domain}>\r\n\r\n${body}`;
}

/** The message with a DKIM signature on top. */
export async function signed(
  message: string,
  options: {
    readonly domain?: string;
    readonly selector?: string;
    readonly key?: TestKey;
    readonly algorithm?: string;
    readonly signTime?: Date;
    readonly expires?: Date;
    readonly maxBodyLength?: number;
  } = {},
): Promise<string> {
  const signature = {
    signingDomain: options.domain ?? "sender.test",
    selector: options.selector ?? "s1",
    privateKey: (options.key ?? testKeys.rsa).pem,
    ...(options.algorithm ? { algorithm: options.algorithm } : {}),
    ...(options.maxBodyLength === undefined ? {} : { maxBodyLength: options.maxBodyLength }),
  };
  const made = await dkimSign(message, {
    ...signature,
    ...(options.signTime ? { signTime: options.signTime } : {}),
    ...(options.expires ? { expires: options.expires } : {}),
    signatureData: [signature],
  });
  if (made.errors.length > 0) throw new Error(String(made.errors[0]?.err));
  return made.signatures + message;
}

/** Authenticates a message that alice@sender.test sends from 192.0.2.1, over a table of DNS. */
export function authenticated(
  message: string | Uint8Array,
  zone: Readonly<Record<string, FakeName>>,
  more: Partial<MessageAuthInput> = {},
): Promise<MessageAuthResult> {
  return authenticateMessage({
    ip: "192.0.2.1",
    helo: "mail.sender.test",
    mailFrom: "alice@sender.test",
    hostname: "mx.demo.test",
    message: typeof message === "string" ? Buffer.from(message) : message,
    deadlineMs: 5_000,
    ...more,
    resolver: fakeResolver(zone),
  });
}
