import type { DKIMResult } from "mailauth";
import type { DkimCheck } from "./auth-result.ts";
import { detailOf, plainText } from "./plain-text.ts";

/**
 * mailauth's results of the signatures (RFC 6376) as ours. `aligned`: the signing domains that DMARC found aligned; absent
 * when From has no DMARC record, and then the public suffix list decides.
 */
export function dkimChecks(found: readonly DKIMResult[], aligned: ReadonlySet<string> | undefined): DkimCheck[] {
  return found.filter((one) => one.status.result !== "none").map((one) => dkimCheck(one, aligned));
}

function dkimCheck(one: DKIMResult, aligned: ReadonlySet<string> | undefined): DkimCheck {
  const unsignedBodyBytes = unsignedBytes(one);
  const result = dkimResult(one);
  const domain = plainText(one.signingDomain).toLowerCase();
  const rule = plainText(one.status.policy?.["dkim-rules"]);
  return {
    result,
    domain,
    selector: plainText(one.selector),
    algorithm: plainText(one.algo, 64),
    aligned: aligned === undefined ? Boolean(one.status.aligned) : aligned.has(domain.replace(/\.$/, "")),
    ...(unsignedBodyBytes > 0 ? { unsignedBodyBytes } : {}),
    ...signatureOf(one.signature),
    ...detailOf(
      one.status.result === "pass" && unsignedBodyBytes > 0
        ? `l= leaves ${unsignedBodyBytes} octets unsigned`
        : (one.status.comment ?? rule),
    ),
  };
}

function signatureOf(value: unknown): { signature?: string } {
  const signature = plainText(value).replace(/[^A-Za-z0-9+/]/g, "");
  return signature === "" ? {} : { signature: signature.slice(0, 8) };
}

/** Octets behind the l= of a signature (RFC 6376 section 3.5): anybody could have added them (section 8.2). */
export function unsignedBytes(one: DKIMResult): number {
  return Math.max(0, (one.canonBodyLengthTotal ?? 0) - (one.canonBodyLength ?? 0));
}

function dkimResult(one: DKIMResult): DkimCheck["result"] {
  switch (one.status.result) {
    case "pass":
      return unsignedBytes(one) > 0 ? "policy" : "pass";
    case "fail":
    case "policy":
    case "permerror":
    case "temperror":
      return one.status.result;
    default:
      return "neutral";
  }
}
