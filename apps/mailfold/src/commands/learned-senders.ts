import { type Command, InvalidArgumentError } from "commander";
import { type ApiClient, ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { ConfigError } from "../config.ts";
import { type Page, pageFields, printJson, printPage, printRecord, printRows } from "../print.ts";
import { parseScope } from "./scope-option.ts";

type Row = Readonly<Record<string, unknown>>;

const listedColumns = "id pattern state action score listedAt expiresAt evidenceTotal evidenceElsewhere".split(" ");
const listedFields =
  "id pattern listing { state action score: scoreAt(time: $now) listedAt expiresAt endedAt endedBy evidenceTotal evidenceElsewhere }";
const pardonFields = "id scope { kind id } subject { pattern } until isInForce reason voided grantedAt liftedAt";
const entryFields = "id list pattern expiresAt note trustUnverified scope { kind id } event";
// Asked for one after the other: together they are beyond the API's bound on cost.
const shownFields = `${entryFields} listing { state action score scoreNow: scoreAt(time: $now) threshold share { lowerBound mail spam } listedAt expiresAt endedAt endedBy
  evidenceTotal evidenceElsewhere changes { change at action score event }
  blocked { count isMore verdicts(first: 20) { reference at action reason sender recipient } } pardons { ${pardonFields} } }`;
const evidenceFields = `listing { evidence(first: 25, after: $after) { nodes { event kind at reporter { address } verdict { reference } } ${pageFields} } }`;

interface Listing extends Row {
  readonly changes: readonly Row[];
  readonly blocked: { readonly count: number; readonly isMore: boolean; readonly verdicts: readonly Row[] };
  readonly pardons: readonly Row[];
}

interface Evidence extends Row {
  readonly reporter: { readonly address: string } | null;
  readonly verdict: { readonly reference: string } | null;
}

/** Lists what a scope's learned blacklist has, and of the platform's what concerns it. */
export async function listLearned(
  command: Command,
  options: { readonly scope: Row; readonly first: unknown; readonly after?: unknown; readonly where: Row },
): Promise<void> {
  const context = contextOf(command);
  const query = `query($scope: ScopeInput!, $first: Int, $after: String, $where: SenderListWhere, $now: DateTime!) {
    senderList(scope: $scope, list: LEARNED, first: $first, after: $after, where: $where) { nodes { ${listedFields} } ${pageFields} } }`;
  const data = await context.api().query(query, { ...options, now: new Date().toISOString() });
  const page = data.senderList as Page | null;
  if (page === null) throw new ApiError("there is no such scope");
  const nodes = page.nodes.map(({ listing, ...entry }) => ({ ...entry, ...(listing as Row) }));
  printPage({ ...page, nodes }, listedColumns, context.json);
}

/** `mailfold senders show|pardon|unpardon`. */
export function addLearnedSenderCommands(senders: Command): void {
  senders
    .command("show <id>")
    .description("show an entry; of a learned listing with its evidence, what it stopped, and pardons")
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(`query($id: ID!, $now: DateTime!) { node(id: $id) { ... on SenderEntry { ${shownFields} } } }`, {
          id,
          now: new Date().toISOString(),
        });
      const found = data.node as (Row & { readonly listing: Listing | null }) | null;
      if (found?.id === undefined) throw new ApiError(`there is no entry ${id}`);
      const evidence = found.listing === null ? [] : await evidenceOf(context.api(), id);
      if (context.json) {
        return printJson({ ...found, listing: found.listing && { ...found.listing, evidence } });
      }
      const { listing, ...entry } = found;
      if (listing === null) return printRecord(entry, false);
      printListing(entry, listing, evidence);
    });
  addPardon(senders);
  senders
    .command("unpardon <pardon>")
    .description("take a pardon back: what it voided counts again")
    .option("--reason <text>", "why")
    .option("--command-id <id>", "makes a retry harmless")
    .option("--dry-run", "only say what would be done")
    .action(async (pardonId: string, options: Row, command: Command) => {
      const context = contextOf(command);
      const input = { ...options, pardonId };
      const payload = await context.api().mutate("senderPardonLift", `pardon { ${pardonFields} }`, input);
      printRecord(payload.pardon as Row, context.json);
    });
}

async function evidenceOf(api: ApiClient, id: string): Promise<readonly Evidence[]> {
  const query = `query($id: ID!, $after: String) { node(id: $id) { ... on SenderEntry { ${evidenceFields} } } }`;
  const found: Evidence[] = [];
  for (let after: string | null = null; ; ) {
    const data = await api.query(query, { id, after });
    const node = data.node as { readonly listing: { readonly evidence: Page } | null } | null;
    const page: Page | undefined = node?.listing?.evidence;
    found.push(...((page?.nodes ?? []) as readonly Evidence[]));
    if (page?.pageInfo.hasNextPage !== true) return found;
    after = page.pageInfo.endCursor;
  }
}

function printListing(entry: Row, listing: Listing, evidence: readonly Evidence[]): void {
  const { changes, blocked, pardons, ...rest } = listing;
  const stopped = `${blocked.count}${blocked.isMore ? " or more" : ""}`;
  printRecord({ ...entry, ...rest, blocked: stopped }, false);
  const part = (title: string, rows: readonly Row[], columns: string) => {
    if (rows.length === 0) return;
    process.stdout.write(`\n${title}\n`);
    printRows(rows, columns.split(" "), false);
  };
  part("changes", changes, "at change action score event");
  const named = evidence.map(({ reporter, verdict, ...one }) => ({
    ...one,
    reporter: reporter?.address,
    verdict: verdict?.reference,
  }));
  part("evidence", named, "event kind at reporter verdict");
  part("stopped", blocked.verdicts, "reference at action reason sender recipient");
  part("pardons", pardons, "id until isInForce reason grantedAt liftedAt");
}

/** `14d`, `12h`, `2w`, or ISO 8601, which the API takes. */
function parseDuration(text: string): string {
  const match = /^(\d{1,4})([hdw])$/.exec(text);
  if (match === null) {
    if (/^P[\dDTHMW]+$/.test(text)) return text;
    throw new InvalidArgumentError("allowed are: 12h, 14d, 2w, or an ISO 8601 duration such as P1DT12H");
  }
  const [, count = "", unit = ""] = match;
  return unit === "h" ? `PT${count}H` : `P${count}${unit.toUpperCase()}`;
}

function addPardon(senders: Command): void {
  senders
    .command("pardon <sender>")
    .description("take a sender off a learned blacklist and learn nothing of it for a time")
    .option("--scope <scope>", "whose list: a tenant's id or platform; not needed with a listing's id", parseScope)
    .option("--until <time>", "RFC 3339 time; default in 30 days")
    .option("--for <duration>", "instead of --until: 12h, 14d, 2w, P1DT12H", parseDuration)
    .option("--void <events...>", "evidence that counts no longer, by event id")
    .option("--reason <text>", "why")
    .option("--redeliver", "deliver what quarantine holds because of the listing")
    .option("--command-id <id>", "makes a retry harmless")
    .option("--dry-run", "only say what would be done")
    .addHelpText("after", "\n<sender> is a listing's id, or an IP, /24, /56, @domain or address with --scope.")
    .action(async (sender: string, options: Row & { readonly scope?: Row }, command: Command) => {
      const context = contextOf(command);
      const { for: forDuration, void: voidEvidence, ...rest } = options;
      const isListing = sender.startsWith("lst_");
      if (!isListing && rest.scope === undefined) throw new ConfigError("say whose list it is with --scope");
      const input = {
        ...rest,
        forDuration,
        voidEvidence,
        ...(isListing ? { listingId: sender } : { subject: sender }),
      };
      const selection = `pardon { ${pardonFields} } redelivery { released refused left results { id errors { code message } } }`;
      const payload = await context.api().mutate("senderPardon", selection, input);
      const { pardon, receipt, redelivery } = payload as {
        readonly pardon: Row;
        readonly receipt: { readonly eventIds: readonly string[] };
        readonly redelivery: Row | null;
      };
      const [event] = receipt.eventIds;
      if (context.json) return printJson({ pardon, redelivery, event });
      printRecord({ ...pardon, ...(redelivery === null ? {} : told(redelivery)) }, false);
      if (event !== undefined && options.dryRun !== true) {
        process.stderr.write(`written as ${event}: mailfold undo ${event} takes it back\n`);
      }
    });
}

function told({ released, refused, left }: Row): Row {
  return { redelivered: released, notRedelivered: refused, more: left };
}
