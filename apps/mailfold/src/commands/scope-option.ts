import { type Command, InvalidArgumentError } from "commander";

/** GraphQL's ScopeInput from `platform` or an object's id. */
export function parseScope(text: string): Readonly<Record<string, unknown>> {
  if (text === "platform") return { platform: true };
  const member = { rsl: "resellerId", ten: "tenantId", dom: "domainId", mbx: "mailboxId" }[text.slice(0, 3)];
  if (member === undefined || text[3] !== "_")
    throw new InvalidArgumentError("allowed are: platform, or a rsl_, ten_, dom_ or mbx_ id");
  return { [member]: text };
}

/** Adds the required --scope option. */
export function addScopeOption(command: Command): Command {
  return command.requiredOption(
    "--scope <scope>",
    "platform, or a reseller's, tenant's, domain's or mailbox's id",
    parseScope,
  );
}
