import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { ConfigError } from "../config.ts";
import { type Page, pageFields, printPage, printRecord } from "../print.ts";
import { wholeNumber } from "./whole-number.ts";

const fields = {
  reseller: "id name externalId createdAt",
  tenant: "id name externalId createdAt",
  domain: "id name verified verification { recordName recordType recordValue }",
  mailbox: "id address displayName status quotaBytes usedBytes",
} as const;
type Kind = keyof typeof fields;

/** `mailfold reseller|tenant|domain|mailbox create|list|show`. */
export function addDirectoryCommands(program: Command): void {
  const reseller = program.command("reseller").description("resellers");
  addCreate(
    reseller,
    "reseller",
    "resellerCreate",
    [["--name <name>", "name"]],
    [["--external-id <id>", "your own id"]],
  );
  addList(reseller, "reseller", "resellers");
  const tenant = program.command("tenant").description("tenants");
  addCreate(
    tenant,
    "tenant",
    "tenantCreate",
    [
      ["--reseller-id <id>", "reseller"],
      ["--name <name>", "name"],
    ],
    [["--external-id <id>", "your own id"]],
  );
  addList(tenant, "tenant", "tenants", { flag: "--reseller-id <id>", argument: "resellerId", isRequired: false });
  addShow(tenant, "tenant", (text) => ({ id: text }));
  const domain = program.command("domain").description("mail domains");
  addCreate(
    domain,
    "domain",
    "domainAdd",
    [
      ["--tenant-id <id>", "tenant"],
      ["--name <name>", "domain name"],
    ],
    [],
  );
  domain
    .command("verify <id>")
    .description("verify by DNS, or with --platform by the platform's word")
    .option("--platform", "do not ask DNS")
    .action(async (id: string, options: { platform?: boolean }, command: Command) => {
      const context = contextOf(command);
      const payload = await context.api().mutate("domainVerify", `domain { ${fields.domain} }`, {
        domainId: id,
        method: options.platform === true ? "PLATFORM" : "DNS",
      });
      printRecord(payload.domain as Record<string, unknown>, context.json);
    });
  addShow(domain, "domain", (text) => (text.startsWith("dom_") ? { id: text } : { name: text }));
  domain
    .command("list")
    .description("list a tenant's domains")
    .requiredOption("--tenant-id <id>", "tenant")
    .option("--first <n>", "how many, at most 100", wholeNumber(1), 100)
    .option("--after <cursor>", "continue after this cursor")
    .action(async ({ tenantId, ...page }: Record<string, unknown>, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(
          `query($by: TenantBy!, $first: Int, $after: String) { tenant(by: $by) { domains(first: $first, after: $after) { nodes { ${fields.domain} } ${pageFields} } } }`,
          { by: { id: tenantId }, ...page },
        );
      printPage((data.tenant as { domains: Page } | null)?.domains, columnsOf("domain"), context.json);
    });
  const mailbox = program.command("mailbox").description("mailboxes");
  addMailboxCreate(mailbox);
  addList(mailbox, "mailbox", "mailboxes", { flag: "--tenant-id <id>", argument: "tenantId", isRequired: true });
  addShow(mailbox, "mailbox", (text) => (text.startsWith("mbx_") ? { id: text } : { address: text }));
}

type Flag = readonly [flag: string, meaning: string];

function columnsOf(kind: Kind): readonly string[] {
  return fields[kind]
    .replace(/\{[^}]*\}/, "")
    .split(/\s+/)
    .filter((column) => column !== "");
}

function addCreate(
  parent: Command,
  kind: Kind,
  operation: string,
  required: readonly Flag[],
  optional: readonly Flag[],
): void {
  const command = parent
    .command("create")
    .description(`create a ${kind}`)
    .option("--command-id <id>", "makes a retry harmless");
  for (const [flag, meaning] of required) command.requiredOption(flag, meaning);
  for (const [flag, meaning] of optional) command.option(flag, meaning);
  command.action(async (options: Record<string, string>, self: Command) => {
    const context = contextOf(self);
    const payload = await context.api().mutate(operation, `${kind} { ${fields[kind]} }`, options);
    printRecord(payload[kind] as Record<string, unknown>, context.json);
  });
}

function addMailboxCreate(parent: Command): void {
  parent
    .command("create")
    .description("create a mailbox; the password comes from --password-file or stdin")
    .requiredOption("--tenant-id <id>", "tenant")
    .requiredOption("--address <address>", "full address")
    .option("--password-file <file>", "file that holds the password; - or absent = stdin")
    .option("--display-name <name>", "name shown in mail clients")
    .option("--quota-bytes <n>", "quota in octets; 0 = none", wholeNumber(0))
    .option("--command-id <id>", "makes a retry harmless")
    .action(async (options: Record<string, unknown> & { passwordFile?: string }, command: Command) => {
      const context = contextOf(command);
      const { passwordFile, ...input } = options;
      const payload = await context
        .api()
        .mutate("mailboxCreate", `mailbox { ${fields.mailbox} }`, { ...input, password: readSecret(passwordFile) });
      printRecord(payload.mailbox as Record<string, unknown>, context.json);
    });
}

/** Secrets never come by flag: other users of the machine can read those. */
function readSecret(file: string | undefined): string {
  const text = readFileSync(file === undefined || file === "-" ? 0 : file, "utf8").replace(/\r?\n$/, "");
  if (text === "") throw new ConfigError("no password was given: name a file with --password-file, or pipe it in");
  return text;
}

interface Filter {
  readonly flag: string;
  readonly argument: string;
  readonly isRequired: boolean;
}

function addList(parent: Command, kind: Kind, query: string, filter?: Filter): void {
  const command = parent
    .command("list")
    .description(`list ${query}`)
    .option("--first <n>", "how many, at most 100", wholeNumber(1), 100)
    .option("--after <cursor>", "continue after this cursor");
  if (filter !== undefined) {
    const meaning = `only of this ${filter.argument.replace("Id", "")}`;
    if (filter.isRequired) command.requiredOption(filter.flag, meaning);
    else command.option(filter.flag, meaning);
  }
  command.action(async (options: Record<string, unknown>, self: Command) => {
    const context = contextOf(self);
    const declared = `$first: Int, $after: String${filter === undefined ? "" : `, $${filter.argument}: ID`}`;
    const passed = `first: $first, after: $after${filter === undefined ? "" : `, ${filter.argument}: $${filter.argument}`}`;
    const data = await context
      .api()
      .query(`query(${declared}) { ${query}(${passed}) { nodes { ${fields[kind]} } ${pageFields} } }`, options);
    printPage(data[query] as Page | null, columnsOf(kind), context.json);
  });
}

function addShow(parent: Command, kind: Kind, by: (text: string) => Record<string, string>): void {
  parent
    .command("show <which>")
    .description(`show one ${kind}`)
    .action(async (which: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const type = `${kind[0]?.toUpperCase()}${kind.slice(1)}By!`;
      const data = await context
        .api()
        .query(`query($by: ${type}) { ${kind}(by: $by) { ${fields[kind]} } }`, { by: by(which) });
      const found = data[kind] as Record<string, unknown> | null;
      if (found === null) throw new ApiError(`there is no ${kind} ${which}`);
      printRecord(found, context.json);
    });
}
