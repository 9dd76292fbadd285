import type { DnsAnswer, DnsResolver } from "@mailfold/dns";

const aliasesMax = 8;

/** What answers without a record say of a name: `missing` only when that is proven, never for a failure or a circle of aliases. */
export async function absence(
  resolver: DnsResolver,
  name: string,
  answers: readonly DnsAnswer<unknown>[],
): Promise<"missing" | "failed"> {
  if (answers.some((answer) => answer.status === "failed")) return "failed";
  if (answers.some((answer) => answer.status === "none" && answer.noSuchName === true)) return "missing";
  return (await leadsNowhere(resolver, name)) ? "failed" : "missing";
}

/**
 * Whether a name's aliases (CNAME) lead in a circle, on for too long, or cannot be followed: then "no record" proves nothing
 * about the name. False where the resolver does not tell aliases.
 */
async function leadsNowhere(resolver: DnsResolver, name: string): Promise<boolean> {
  if (resolver.cname === undefined) return false;
  const seen = new Set([name]);
  let at = name;
  for (let step = 0; step < aliasesMax; step += 1) {
    const answer = await resolver.cname(at);
    if (answer.status !== "found") return answer.status === "failed";
    const next = (answer.records[0] ?? "").toLowerCase().replace(/\.$/, "");
    if (next === "") return false;
    if (seen.has(next)) return true;
    seen.add(next);
    at = next;
  }
  return true;
}
