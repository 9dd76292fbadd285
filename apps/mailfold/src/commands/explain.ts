import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { printJson, printRecord, printRows } from "../print.ts";

interface Explanation {
  readonly verdict: Readonly<Record<string, unknown>> & { readonly trace: readonly Record<string, unknown>[] };
  readonly facts: unknown;
}

const verdictFields = "reference action code enhancedCode text reason phase scope policyRevision at";
const traceFields = "step outcome setting setAtScope byEvent detail decisive";

/** `mailfold explain REFERENCE`: why a mail was refused or taken. */
export function addExplainCommand(program: Command): void {
  program
    .command("explain <reference>")
    .description("explain a verdict: facts, trace, decisive line")
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(
          `query($reference: String!) { explain(reference: $reference) { verdict { ${verdictFields} trace { ${traceFields} } } facts } }`,
          { reference },
        );
      const explanation = data.explain as Explanation | null;
      if (explanation === null) throw new ApiError(`there is no verdict ${reference}`);
      if (context.json) return printJson(explanation);
      const { trace, ...verdict } = explanation.verdict;
      printRecord(verdict, false);
      process.stdout.write("\n");
      printRows(trace, traceFields.split(" "), false);
    });
}
