import { type Command, InvalidArgumentError } from "commander";
import { ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { ConfigError } from "../config.ts";
import { type Page, pageFields, printJson, printPage, printRecord, printRows } from "../print.ts";
import { addScopeOption, parseScope } from "./scope-option.ts";
import { wholeNumber } from "./whole-number.ts";

const listed = "id kind status receivedAt expiresAt sender recipient subject reason score sizeBytes";
const shown = `${listed} messageId judgeAgainAt attempts settledAt settledBy transactionId verdict { reference action text }
  preview { headers { name value } text attachments { name contentType sizeBytes } truncated }`;
const results = `results { id entry { ${listed} } accepted { id pattern scope { kind id } } errors { code message } }`;

interface Result {
  readonly id: string;
  readonly entry: Readonly<Record<string, unknown>> | null;
  readonly accepted: { readonly pattern: string } | null;
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

/** `mailfold quarantine list|show|release|delete`. */
export function addQuarantineCommands(program: Command): void {
  const quarantine = program.command("quarantine").description("mail kept instead of delivered");
  addList(quarantine);
  addShow(quarantine);
  addRelease(quarantine);
  quarantine
    .command("delete <ids...>")
    .description("throw held copies away")
    .option("--yes", "do not ask: what is thrown away cannot be had back")
    .action(async (ids: readonly string[], options: { yes?: boolean }, command: Command) => {
      const context = contextOf(command);
      if (options.yes !== true) throw new ConfigError("what is thrown away cannot be had back; say --yes");
      const payload = await context.api().mutate("quarantineDelete", results, { ids });
      printResults(payload.results as readonly Result[], context.json);
    });
}

/** GraphQL's enum value of a word. */
function oneOf(...words: readonly string[]): (text: string) => string {
  return (text) => {
    if (!words.includes(text)) throw new InvalidArgumentError(`allowed are: ${words.join(", ")}`);
    return text.toUpperCase();
  };
}

function addList(quarantine: Command): void {
  addScopeOption(quarantine.command("list").description("list held copies, the newest first"))
    .option("--status <status>", "held (default), released, deleted, delivered, rejected, expired or all", "held")
    .option("--kind <kind>", "quarantined, discarded or deferred", oneOf("quarantined", "discarded", "deferred"))
    .option("--sender <address>", "envelope sender")
    .option("--recipient <address>", "recipient")
    .option("--reason <reason>", "reason of the verdict")
    .option("--text <words>", "in sender, recipient or subject")
    .option("--from <time>", "received then or later, RFC 3339")
    .option("--to <time>", "received then or before, RFC 3339")
    .option("--first <n>", "how many, at most 100", wholeNumber(1), 100)
    .option("--after <cursor>", "continue after this cursor")
    .action(async (options: Record<string, unknown> & { status: string }, command: Command) => {
      const context = contextOf(command);
      const { scope, first, after, status, ...where } = options;
      const statuses = oneOf("held", "released", "deleted", "delivered", "rejected", "expired");
      const data = await context.api().query(
        `query($scope: ScopeInput!, $first: Int, $after: String, $where: QuarantineWhere) {
          quarantine(scope: $scope, first: $first, after: $after, where: $where) { nodes { ${listed} } ${pageFields} } }`,
        { scope, first, after, where: { ...where, ...(status === "all" ? {} : { status: statuses(status) }) } },
      );
      if (data.quarantine === null) throw new ApiError("there is no such scope");
      const columns = ["id", "kind", "status", "receivedAt", "sender", "recipient", "subject", "reason", "score"];
      printPage(data.quarantine as Page, columns, context.json);
    });
}

function addShow(quarantine: Command): void {
  quarantine
    .command("show <id>")
    .description("show one copy, with its headers and words")
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(`query($id: ID!) { node(id: $id) { ... on QuarantineEntry { ${shown} } } }`, { id });
      const found = data.node as (Record<string, unknown> & { preview: Preview | null }) | null;
      if (found?.id === undefined) throw new ApiError(`there is no held copy ${id}`);
      if (context.json) return printJson(found);
      const { preview, ...entry } = found;
      printRecord(entry, false);
      if (preview !== null) printPreview(preview);
    });
}

interface Preview {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly text: string;
  readonly attachments: readonly Readonly<Record<string, unknown>>[];
  readonly truncated: boolean;
}

function printPreview({ headers, text, attachments, truncated }: Preview): void {
  process.stdout.write("\n");
  printRows(headers, ["name", "value"], false);
  if (attachments.length > 0) {
    process.stdout.write("\n");
    printRows(attachments, ["name", "contentType", "sizeBytes"], false);
  }
  // The server has taken out what a terminal would obey.
  process.stdout.write(`\n${text}\n${truncated ? "[cut]\n" : ""}`);
}

function addRelease(quarantine: Command): void {
  quarantine
    .command("release <ids...>")
    .description("deliver held copies to the mailboxes they were for, as they came")
    .option("--accept-sender", "accept the sender from now on, in the recipient's mailbox")
    .option("--accept-scope <scope>", "accept it there instead: a tenant's, domain's or reseller's id", parseScope)
    .option("--command-id <id>", "makes a retry harmless")
    .option("--dry-run", "only say what would be done")
    .action(async (ids: readonly string[], options: Readonly<Record<string, unknown>>, command: Command) => {
      const context = contextOf(command);
      const { acceptSender, acceptScope, commandId, dryRun } = options;
      const accept = acceptScope === undefined ? { acceptSender } : { acceptSender: true, acceptScope };
      const payload = await context.api().mutate("quarantineRelease", results, { ids, commandId, dryRun, ...accept });
      printResults(payload.results as readonly Result[], context.json);
    });
}

/** Each copy's own outcome; the command fails when one was refused. */
function printResults(all: readonly Result[], json: boolean): void {
  if (json) printJson(all);
  else {
    const rows = all.map(({ id, entry, accepted, errors }) => ({
      id,
      status: entry?.status ?? errors[0]?.code,
      accepted: accepted?.pattern,
      message: errors[0]?.message,
    }));
    printRows(rows, ["id", "status", "accepted", "message"], false);
  }
  const refused = all.filter(({ errors }) => errors.length > 0);
  if (refused.length > 0) throw new ApiError(`${refused.length} of ${all.length} copies: nothing was done`);
}
