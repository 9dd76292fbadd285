import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { type CommandContext, contextOf } from "../command-context.ts";
import { printJson, printRecord, printRows } from "../print.ts";

interface Explanation {
  readonly verdict: (Readonly<Record<string, unknown>> & { readonly trace: readonly Record<string, unknown>[] }) | null;
  readonly flood: Readonly<Record<string, unknown>> | null;
  readonly facts: unknown;
  readonly counterfactual: { readonly why: string; readonly change: Readonly<Record<string, unknown>> | null } | null;
  readonly engineVersion: number | null;
  readonly warning: string | null;
  readonly listingId: string | null;
}

const verdictFields =
  "reference at action code enhancedCode text reason phase scope sender recipient ip policyEvent traceIsExact";
const traceFields = "step outcome setting setAtScope byEvent detail";
const floodFields = "reason prefix count from to";

/** Why a peer is denied: its reply quotes the event. */
async function explainEvent(reference: string, context: CommandContext): Promise<void> {
  const data = await context
    .api()
    .query("query($id: ID!) { node(id: $id) { ... on AuditEvent { type at actor { type id } data } } }", {
      id: reference,
    });
  const event = data.node as Readonly<Record<string, unknown>> | null;
  if (event === null) throw new ApiError(`there is no event ${reference}`);
  printRecord({ reference, ...event }, context.json);
}

/** `mailfold explain REFERENCE`: why a mail was refused or taken, or an address denied. */
export function addExplainCommand(program: Command): void {
  program
    .command("explain <reference>")
    .description(
      "explain a verdict (vrd_..., msg_...): trace, decisive line, and the smallest change that would have turned it; or show an event (evt_...); --json adds the facts",
    )
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      if (reference.startsWith("evt_")) return explainEvent(reference, context);
      const data = await context
        .api()
        .query(
          `query($reference: String!) { explain(reference: $reference) { verdict { ${verdictFields} trace { ${traceFields} } } flood { ${floodFields} } facts counterfactual engineVersion warning listingId } }`,
          { reference },
        );
      const explanation = data.explain as Explanation | null;
      if (explanation === null) throw new ApiError(`there is no verdict ${reference}`);
      if (context.json) return printJson(explanation);
      if (explanation.verdict === null) return printRecord({ reference, ...explanation.flood }, false);
      const { counterfactual, engineVersion, listingId, warning } = explanation;
      const { trace, ...verdict } = explanation.verdict;
      printRecord({ ...verdict, engineVersion, ...(listingId === null ? {} : { listingId }) }, false);
      process.stdout.write("\n");
      printRows(trace, traceFields.split(" "), false);
      if (counterfactual !== null) process.stdout.write(`\n${counterfactual.why}\n`);
      if (typeof counterfactual?.change?.warning === "string")
        process.stderr.write(`${counterfactual.change.warning}\n`);
      if (warning !== null) process.stderr.write(`${warning}\n`);
    });
}
