import { type Command, InvalidArgumentError } from "commander";
import { contextOf } from "../command-context.ts";
import { type Page, pageFields, printPage, printRecord } from "../print.ts";
import { addLearnedSenderCommands, listLearned } from "./learned-senders.ts";
import { addScopeOption } from "./scope-option.ts";
import { wholeNumber } from "./whole-number.ts";

type Scope = Readonly<Record<string, unknown>>;
const selection = "id list pattern expiresAt note trustUnverified event warning";

function parseList(text: string): string {
  if (text !== "accept" && text !== "kill") throw new InvalidArgumentError("allowed are: accept, kill");
  return text.toUpperCase();
}

function parseAnyList(text: string): string {
  if (text === "learned") return "LEARNED";
  if (text !== "accept" && text !== "kill") throw new InvalidArgumentError("allowed are: accept, kill, learned");
  return text.toUpperCase();
}

/** `mailfold senders list|show|add|remove|pardon|unpardon`. */
export function addSenderCommands(program: Command): void {
  const senders = program.command("senders").description("accept and kill lists, learned blacklists");
  addList(senders);
  addLearnedSenderCommands(senders);
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

function addList(senders: Command): void {
  addScopeOption(senders.command("list").description("list a scope's entries, or the learned listings in force there"))
    .option("--list <list>", "accept, kill or learned; accept and kill without it", parseAnyList)
    .option("--pattern <pattern>", "this entry alone")
    .option("--include-ended", "learned: also those that are over")
    .option("--first <n>", "how many, at most 100", wholeNumber(1), 100)
    .option("--after <cursor>", "continue after this cursor")
    .action(async (options: Record<string, unknown> & { scope: Scope }, command: Command) => {
      const { pattern, includeEnded, ...page } = options;
      const where = { pattern, includeEnded };
      const { list, scope, first, after } = page;
      if (list === "LEARNED") return listLearned(command, { scope, first, after, where });
      const context = contextOf(command);
      const query = `query($scope: ScopeInput!, $list: SenderListName, $first: Int, $after: String, $where: SenderListWhere) {
        senderList(scope: $scope, list: $list, first: $first, after: $after, where: $where) { nodes { ${selection} } ${pageFields} } }`;
      const data = await context.api().query(query, { ...page, where });
      printPage(data.senderList as Page | null, selection.split(" "), context.json);
    });
}
