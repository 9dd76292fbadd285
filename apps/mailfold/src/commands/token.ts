import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import { printRecord } from "../print.ts";
import { addScopeOption } from "./scope-option.ts";

/** `mailfold token create|revoke`. */
export function addTokenCommands(program: Command): void {
  const token = program.command("token").description("bearer tokens of the API");
  addScopeOption(token.command("create").description("create a token; its secret is shown this once"))
    .requiredOption("--name <name>", "what it is for")
    .option("--expires-at <time>", "RFC 3339 time")
    .option("--command-id <id>", "makes a retry harmless")
    .action(async (options: Record<string, unknown>, command: Command) => {
      const context = contextOf(command);
      const payload = await context.api().mutate("tokenCreate", "token { id name } secret", options);
      printRecord({ ...(payload.token as Record<string, unknown>), secret: payload.secret }, context.json);
    });
  token
    .command("revoke <id>")
    .description("revoke a token")
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const payload = await context.api().mutate("tokenRevoke", "token { id name revoked }", { tokenId: id });
      printRecord(payload.token as Record<string, unknown>, context.json);
    });
}
