import type { DKIMResult, DKIMVerifyResult } from "mailauth";
import { evaluateDmarc } from "mailauth/lib/dmarc/index.js";
import type { DmarcCheck, SpfCheck } from "./auth-result.ts";
import type { BoundedDns } from "./bounded-dns.ts";
import { unsignedBytes } from "./check-dkim.ts";
import { detailOf, plainText } from "./plain-text.ts";

/** What DMARC decided, and which signing domains are aligned whether or not their signatures pass (absent: no record). */
export interface DmarcOutcome {
  readonly check: DmarcCheck;
  readonly aligned: ReadonlySet<string> | undefined;
}

const noAlignment: DmarcCheck["alignment"] = { spf: false, dkim: false, spfMode: "relaxed", dkimMode: "relaxed" };

/** An undecided or undecidable check. */
export function dmarcWithout(result: DmarcCheck["result"], domain: string, detail?: string): DmarcCheck {
  return { result, domain, alignment: noAlignment, ...detailOf(detail) };
}

/** DMARC (RFC 9989) over SPF and DKIM results. A check whose underlying DNS failed is `temperror`, never `fail`. */
export async function evaluateDmarcCheck(
  verified: DKIMVerifyResult,
  spf: SpfCheck,
  dns: BoundedDns,
): Promise<DmarcOutcome> {
  // mailauth takes a bare name in angle brackets for a domain; a reader's program may show an address behind it instead.
  if (verified.headerFrom.some((address) => !address.includes("@")))
    return { check: dmarcWithout("permerror", "", "invalid-author-domain"), aligned: new Set() };
  const signed = verified.results.filter((one) => one.signingDomain);
  const ask = (spfCounts: boolean, counted: readonly DKIMResult[]) =>
    evaluateDmarc({
      headerFrom: verified.headerFrom,
      fromFields: verified.fromFields,
      spfDomains: spfCounts && spf.domain !== "" ? [spf.domain] : [],
      dkimDomains: counted.map((one) => ({ domain: one.signingDomain ?? "" })),
      resolver: dns.resolve,
      strict: true,
    });
  const counted = signed.filter((one) => one.status.result === "pass" && unsignedBytes(one) === 0);
  const decided = await ask(spf.result === "pass", counted);
  // Alignment is a property of the domains alone, so all signatures are put to the question at once.
  const { dkimAligned: aligned } = await ask(false, signed);
  if (decided.response === false)
    return { check: dmarcWithout("permerror", "", decided.reason ?? "no author domain"), aligned: new Set() };
  const { response } = decided;
  const domain = plainText(response.status.header?.from).toLowerCase().replace(/\.+$/, "");
  const result = response.status.result;
  if (result === "none" || response.alignment === undefined)
    return { check: dmarcWithout(result === "none" ? "none" : "temperror", domain), aligned };
  const undecided = signed.filter((one) => one.status.result === "temperror");
  const open = spf.result === "temperror" || undecided.length > 0;
  const maybe = open ? (await ask(spf.result === "temperror", undecided)).response : false;
  const wouldPass = maybe !== false && maybe.status.result === "pass";
  const check: DmarcCheck = {
    result: result === "fail" && wouldPass ? "temperror" : dmarcResult(result),
    domain,
    ...policyOf(response.policy),
    ...(response.policyDomain ? { policyDomain: plainText(response.policyDomain) } : {}),
    alignment: {
      spf: response.alignment.spf.result !== undefined,
      dkim: response.alignment.dkim.result !== undefined,
      spfMode: response.alignment.spf.strict ? "strict" : "relaxed",
      dkimMode: response.alignment.dkim.strict ? "strict" : "relaxed",
    },
    ...detailOf(result === "fail" && wouldPass ? "a DNS look-up failed" : undefined),
  };
  return { check, aligned };
}

function policyOf(policy: string | undefined): { policy?: "none" | "quarantine" | "reject" } {
  return policy === "none" || policy === "quarantine" || policy === "reject" ? { policy } : {};
}

function dmarcResult(result: string): DmarcCheck["result"] {
  return result === "pass" || result === "fail" ? result : "temperror";
}
