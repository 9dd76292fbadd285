import { type Command, InvalidArgumentError } from "commander";
import { contextOf } from "../command-context.ts";
import { type Page, pageFields, printPage, printRecord } from "../print.ts";
import { addScopeOption } from "./scope-option.ts";
import { wholeNumber } from "./whole-number.ts";

type Scope = Readonly<Record<string, unknown>>;
const selection = "id list pattern expiresAt note trustUnverified event";

function parseList(text: string): string {
  if (text !== "accept" && text !== "kill") throw new InvalidArgumentError("allowed are: accept, kill");
  return text.toUpperCase();
}

/** `mailfold senders list|add|remove`. */
export function addSenderCommands(program: Command): void {
  const senders = program.command("senders").description("accept and kill lists");
  addScopeOption(senders.command("list").description("list a scope's entries"))
    .option("--first <n>", "how many, at most 100", wholeNumber(1), 100)
    .option("--after <cursor>", "continue after this cursor")
    .action(async (options: Record<string, unknown> & { scope: Scope }, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(
          `query($scope: ScopeInput!, $first: Int, $after: String) { senderList(scope: $scope, first: $first, after: $after) { nodes { ${selection} } ${pageFields} } }`,
          options,
        );
      printPage(data.senderList as Page | null, selection.split(" "), context.json);
    });
  addScopeOption(senders.command("add <pattern>").description("add an IP, CIDR, host, user@host, @host or @*suffix"))
    .requiredOption("--list <list>", "accept or kill", parseList)
    .option("--expires-at <time>", "RFC 3339 time")
    .option("--note <text>", "why")
    .option("--trust-unverified", "accept entries: relay for this sender without SPF; needs the platform's unlock")
    .action(async (pattern: string, options: Record<string, unknown>, command: Command) => {
      const context = contextOf(command);
      const payload = await context.api().mutate("senderEntryAdd", `entry { ${selection} }`, { ...options, pattern });
      printRecord(payload.entry as Record<string, unknown>, context.json);
    });
  senders
    .command("remove <id>")
    .description("remove an entry")
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const payload = await context.api().mutate("senderEntryRemove", `entry { ${selection} }`, { entryId: id });
      printRecord(payload.entry as Record<string, unknown>, context.json);
    });
}
