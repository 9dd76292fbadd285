import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { printJson, printRecord, printRows } from "../print.ts";
import { addChangeOptions, type ChangeOptions, changesOf } from "./change-options.ts";
import { addScopeOption } from "./scope-option.ts";

type Shown = Readonly<Record<string, unknown>>;

interface Simulated {
  readonly id: string;
  readonly state: "WAITING" | "RUNNING" | "DONE" | "STOPPED" | "FAILED" | "CANCELLED";
  readonly isComplete: boolean;
  readonly matrix: readonly Shown[];
  readonly topAffected: readonly Shown[];
  readonly samples: readonly Shown[];
  readonly conflicts: { readonly count: number; readonly samples: readonly Shown[] };
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly rows: number;
  readonly rowsTotal: number;
}

const sample = "reference at sender recipient recorded reason from to";
const selection = `id state isComplete from to rows rowsTotal verdicts changed undecidable reachesData drifted matrix { from to count }
  topAffected { sender count blocked freed } samples { ${sample} } conflicts { count samples { ${sample} } } error { code message }`;
const pollMs = 500;
const waitSeconds = 10;

/** `mailfold simulate`: what changes would have done to recorded mail. */
export function addSimulateCommand(program: Command): void {
  addChangeOptions(addScopeOption(program.command("simulate")))
    .description("try changes of a policy on recorded mail; nothing is changed")
    .option("--from <time>", "RFC 3339 time (default: 7 days before --to)")
    .option("--to <time>", "RFC 3339 time, exclusive (default: now)")
    .action(async ({ from, scope, to, ...changes }: ChangeOptions & Shown, command: Command) => {
      const context = contextOf(command);
      const api = context.api();
      const input = { scope, changes: changesOf(changes as ChangeOptions), from, to, waitSeconds };
      const begun = await api.query(
        `query($input: PolicySimulateInput!) { policySimulate(input: $input) { ${selection} } }`,
        { input },
      );
      let found = begun.policySimulate as Simulated | null;
      while (found !== null && (found.state === "WAITING" || found.state === "RUNNING")) {
        process.stderr.write(`${found.rows} of ${found.rowsTotal} verdicts\n`);
        await delay(pollMs);
        const data = await api.query(`query($id: ID!) { simulation(id: $id) { ${selection} } }`, { id: found.id });
        found = data.simulation as Simulated | null;
      }
      if (found === null) throw new ApiError("there is no such scope");
      if (found.error !== null) throw new ApiError(`${found.error.code}: ${found.error.message}`);
      if (found.state === "STOPPED") {
        process.stderr.write(
          `stopped at the deadline: the numbers are of the oldest ${found.rows} of ${found.rowsTotal} verdicts; ask for less time\n`,
        );
      }
      if (context.json) printJson(found);
      else print(found);
    });
}

function print({ conflicts, matrix, samples, topAffected, ...about }: Simulated): void {
  const {
    error: _none,
    id: _id,
    isComplete: _isComplete,
    rows: _rows,
    rowsTotal: _total,
    state: _state,
    ...counts
  } = about;
  printRecord({ ...counts, conflicts: conflicts.count }, false);
  const table = (rows: readonly Shown[], columns: string): void => {
    if (rows.length === 0) return;
    process.stdout.write("\n");
    printRows(rows, columns.split(" "), false);
  };
  table(matrix, "from to count");
  table(topAffected, "sender count blocked freed");
  table(samples, "reference sender recipient from to");
  if (conflicts.count === 0) return;
  process.stdout.write("\nrescued by its users:\n");
  printRows(conflicts.samples, ["reference", "sender", "recipient", "from", "to"], false);
}
