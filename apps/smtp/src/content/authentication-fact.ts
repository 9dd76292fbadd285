import type { MessageAuthResult } from "@mailfold/mail-auth";
import type { AuthenticationFact, SpfFact } from "@mailfold/policy";

/** What policy reads of an authentication; details stay with the Authentication-Results field. */
export function authenticationFact({ spf, dkim, dmarc, arc }: MessageAuthResult): AuthenticationFact {
  return {
    spf: spfFact(spf),
    dkim: dkim.map(({ result, domain, aligned }) => ({ result, domain, aligned })),
    dmarc: {
      result: dmarc.result,
      domain: dmarc.domain,
      ...(dmarc.policy === undefined ? {} : { policy: dmarc.policy }),
    },
    arc: {
      result: arc.result,
      sealers: arc.chain.map(({ domain }) => domain),
      ...(arc.newestClaims?.dmarc === undefined ? {} : { claimedDmarc: arc.newestClaims.dmarc }),
    },
  };
}

function spfFact({ result, identity, domain }: SpfFact): SpfFact {
  return { result, identity, domain };
}
