import type { Facts } from "./types.ts";

/** Results of authentication by method, as processing rules compare them. */
export interface RuleAuthentication {
  readonly spf: string;
  readonly dkim?: string;
  readonly dmarc?: string;
  readonly arc?: string;
}

/** What facts say of authentication, in the words of rules: of several signatures the best one counts. Undefined: nothing. */
export function ruleAuthentication({
  content,
  spf,
}: Partial<Pick<Facts, "content" | "spf">>): RuleAuthentication | undefined {
  const fact = content?.authentication;
  if (fact === undefined) return spf === undefined ? undefined : { spf: spf.result };
  const dkim = fact.dkim.some(({ result }) => result === "pass") ? "pass" : (fact.dkim[0]?.result ?? "none");
  return { spf: fact.spf.result, dkim, dmarc: fact.dmarc.result, arc: fact.arc.result };
}
