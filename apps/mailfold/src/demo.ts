import { randomBytes } from "node:crypto";
import { join, relative } from "node:path";
import type { Operations } from "@mailfold/app-api";
import { systemCaller } from "@mailfold/app-api";
import type { Directory } from "@mailfold/projection-directory";
import type { Config } from "./config.ts";

const locals = ["alice", "bob"] as const;

/** What the first start made, to be printed once. */
export interface Demo {
  readonly mailboxes: readonly { readonly address: string; readonly password: string }[];
}

/** Whether the demo has to be made, or to be finished after a crash in between. */
export function needsDemo(directory: Directory): boolean {
  const [first, second] = directory.resellers({ first: 2 });
  const nobodyElse = first === undefined || (second === undefined && first.externalId === "demo");
  return nobodyElse && locals.some((local) => directory.mailboxByAddress(`${local}@demo.test`) === undefined);
}

/**
 * Makes the demo reseller, tenant, domain and two mailboxes through the same operations that the API runs. Command ids
 * make it resume after a crash in between; a mailbox that was there already gets a new password.
 */
export async function createDemo(operations: Operations, directory: Directory): Promise<Demo> {
  const caller = systemCaller("first-start");
  const once = (step: string) => ({ commandId: `first-start-${step}` });
  const { resellerId } = await made(
    "reseller",
    operations.resellerCreate(caller, { name: "Demo reseller", externalId: "demo", ...once("reseller") }),
  );
  const { tenantId } = await made(
    "tenant",
    operations.tenantCreate(caller, { resellerId, name: "demo", externalId: "demo", ...once("tenant") }),
  );
  const { domainId } = await made(
    "domain",
    operations.domainAdd(caller, { tenantId, name: "demo.test", ...once("domain") }),
  );
  await made("verification", operations.domainVerify(caller, { domainId, method: "platform", ...once("verify") }));
  const mailboxes = [];
  for (const local of locals) {
    const address = `${local}@demo.test`;
    const password = randomBytes(12).toString("base64url");
    const there = directory.mailboxByAddress(address);
    const outcome =
      there === undefined
        ? operations.mailboxCreate(caller, { tenantId, address, password, displayName: local })
        : operations.mailboxSetPassword(caller, { mailboxId: there.mailboxId, password });
    await made(address, outcome);
    mailboxes.push({ address, password });
  }
  return { mailboxes };
}

async function made<V>(
  what: string,
  outcome: Promise<{ readonly value?: V; readonly errors: readonly { readonly message: string }[] }>,
): Promise<V> {
  const { value, errors } = await outcome;
  if (value === undefined)
    throw new Error(`the demo's ${what} could not be made: ${errors.map((error) => error.message).join("; ")}`);
  return value;
}

/** What a start says on stdout: where everything listens, and on the first start the demo's logins and three lines to try. */
export function startMessage(config: Config, ports: Config["ports"], demo: Demo | undefined): string {
  const at = (port: number) => `${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  const tokenFile = relative(process.cwd(), join(config.dataDir, "admin-token")) || "admin-token";
  const lines = [
    `Mailfold is ready, data in ${config.dataDir}`,
    "",
    `  SMTP (MX)     ${at(ports.smtp)}`,
    `  submission    ${at(ports.submission)} STARTTLS, ${at(ports.submissions)} TLS`,
    `  IMAP          ${at(ports.imap)} STARTTLS, ${at(ports.imaps)} TLS`,
    `  GraphQL       http://${at(ports.http)}/graphql, https://${at(ports.https)}/graphql`,
    `  audit feed    ws://${at(ports.http)}/audit`,
    `  operator token in ${tokenFile}`,
    "",
  ];
  if (demo === undefined) return lines.join("\n");
  const [alice] = demo.mailboxes;
  return [
    ...lines,
    "The demo's logins, shown this once:",
    ...demo.mailboxes.map(({ address, password }) => `  ${address}  ${password}`),
    "",
    "Three lines to try: send a mail, read it, ask the API.",
    `  curl -sS --crlf smtp://${at(ports.smtp)}/client.example --mail-from you@sender.example --mail-rcpt alice@demo.test --upload-file README.md`,
    `  curl -sSk --ssl-reqd "imap://${at(ports.imap)}/INBOX;MAILINDEX=1" --user '${alice?.address}:${alice?.password}'`,
    `  curl -sS http://${at(ports.http)}/graphql -H "Authorization: Bearer $(cat ${tokenFile})" -H "Content-Type: application/json" -d '{"query":"{ tenants(first: 10) { nodes { id name } } }"}'`,
    "",
  ].join("\n");
}
