import type { DKIMVerifyResult } from "mailauth";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import type { ArcCheck, DkimCheck, DmarcCheck, MessageAuthInput, MessageAuthResult } from "./auth-result.ts";
import { type BoundedDns, boundDns } from "./bounded-dns.ts";
import { evaluateArc, keyBitsMin } from "./check-arc.ts";
import { dkimChecks } from "./check-dkim.ts";
import { dmarcWithout, evaluateDmarcCheck } from "./check-dmarc.ts";
import { evaluateSpf } from "./check-spf.ts";
import { capMessage } from "./message-caps.ts";
import type { AuthResolver } from "./resolver-port.ts";

/** Part of the deadline for names that the sender chose (SPF, keys); the rest is for the From domain's DMARC record. */
const strangersShare = 0.7;

/** An input with the resolver that answers for it. */
export interface AuthenticateRequest extends MessageAuthInput {
  readonly resolver: AuthResolver;
}

/**
 * SPF, DKIM, DMARC and ARC of one message on this thread; for more than small messages use createMailAuthPool, which can
 * end a hostile one. Every DNS wait ends with the deadline and a failed look-up is `temperror`.
 */
export async function authenticateMessage(request: AuthenticateRequest): Promise<MessageAuthResult> {
  const dns = boundDns(request.resolver, request.deadlineMs);
  const strangers = dns.fork(strangersShare);
  const capped = capMessage(request.message);
  const spfFound = request.spf === undefined ? evaluateSpf(request, strangers) : Promise.resolve(request.spf);
  if (capped.status === "over") {
    const dmarc = dmarcWithout("permerror", "", capped.reason);
    return { spf: await spfFound, dkim: [], dkimNotChecked: 0, dmarc, arc: brokenArc(capped.reason) };
  }
  const [spf, signed] = await Promise.all([spfFound, verifySignatures(request, capped.message, strangers)]);
  const { check: dmarc, aligned } = await evaluateDmarcCheck(signed.verified, spf, dns.fork());
  return {
    spf,
    dkim: dkimChecks(signed.verified.results, aligned),
    dkimNotChecked: capped.notChecked,
    dmarc,
    arc: signed.arc,
  };
}

async function verifySignatures(
  request: AuthenticateRequest,
  message: Uint8Array,
  shared: BoundedDns,
): Promise<{ readonly verified: DKIMVerifyResult; readonly arc: ArcCheck }> {
  const dns = shared.fork();
  const verified = await dkimVerify(Buffer.from(message.buffer, message.byteOffset, message.byteLength), {
    resolver: dns.resolve,
    sender: request.mailFrom,
    minBitLength: keyBitsMin,
    rejectRsaSha1: true,
    strict: true,
  });
  return { verified, arc: await evaluateArc(verified, dns) };
}

function brokenArc(detail: string): ArcCheck {
  return { result: "fail", chain: [], detail };
}

/** The result when the budget ran out before anything was known: all `temperror`. */
export function exhaustedResult(request: MessageAuthInput, detail: string): MessageAuthResult {
  const domain = request.mailFrom.slice(request.mailFrom.lastIndexOf("@") + 1).toLowerCase();
  const identity = request.mailFrom === "" ? "helo" : "mailfrom";
  const dkim: readonly DkimCheck[] = [];
  const dmarc: DmarcCheck = dmarcWithout("temperror", "", detail);
  const spf = request.spf ?? { result: "temperror", identity, domain, detail };
  return { spf, dkim, dkimNotChecked: 0, dmarc, arc: { result: "temperror", chain: [], detail } };
}
