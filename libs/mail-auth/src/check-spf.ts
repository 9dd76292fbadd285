import { domainToASCII } from "node:url";
import { spf } from "mailauth/lib/spf/index.js";
import type { MessageAuthInput, SpfCheck } from "./auth-result.ts";
import { type BoundedDns, boundDns } from "./bounded-dns.ts";
import { detailOf, plainText } from "./plain-text.ts";
import type { AuthResolver } from "./resolver-port.ts";

/** What SPF needs to know of a session. */
export type SpfInput = Pick<MessageAuthInput, "ip" | "helo" | "mailFrom" | "hostname" | "deadlineMs">;

/** SPF alone (RFC 7208), for MAIL FROM time: of MAIL FROM, or of HELO when that is null. Never throws for DNS or a bad record. */
export function checkSpf(input: SpfInput & { readonly resolver: AuthResolver }): Promise<SpfCheck> {
  return evaluateSpf(input, boundDns(input.resolver, input.deadlineMs));
}

/** As checkSpf, over the DNS memory of one message. */
export async function evaluateSpf(input: SpfInput, shared: BoundedDns): Promise<SpfCheck> {
  const dns = shared.fork();
  const identity = input.mailFrom === "" ? "helo" : "mailfrom";
  const domain = checkedDomain(input);
  // An address literal or a single label cannot publish a record (RFC 7208 section 4.3).
  if (!/^[^\s[\]]+\.[^\s[\]]+$/.test(domain)) return { result: "none", identity, domain, detail: "not a domain name" };
  const found = await spf({
    sender: input.mailFrom,
    ip: input.ip,
    helo: input.helo,
    mta: input.hostname,
    resolver: dns.resolve,
    maxElapsedTime: Math.max(1, dns.remainingMs()),
    strict: true,
  });
  const explanation = plainText(found.explanation);
  const result = spfResult(found.status.result);
  // The ptr mechanism reads a DNS failure as "no match" (RFC 7208 section 5.5). A refusal must not rest on that.
  if ((result === "fail" || result === "softfail") && dns.failedNames.size > 0)
    return { result: "temperror", identity, domain, detail: "a DNS look-up failed" };
  return {
    result,
    identity,
    domain,
    ...(result === "fail" && explanation !== "" ? { explanation } : {}),
    ...detailOf(found.status.comment),
  };
}

function checkedDomain(input: SpfInput): string {
  const at = input.mailFrom.lastIndexOf("@");
  const domain = input.mailFrom === "" ? input.helo : input.mailFrom.slice(at + 1);
  return plainText(domainToASCII(domain) || domain).toLowerCase();
}

function spfResult(result: string): SpfCheck["result"] {
  switch (result) {
    case "none":
    case "neutral":
    case "pass":
    case "fail":
    case "softfail":
    case "permerror":
      return result;
    default:
      return "temperror";
  }
}
