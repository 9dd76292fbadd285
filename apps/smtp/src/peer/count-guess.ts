import type { SmtpServices } from "../session.ts";

/** A stranger named a recipient that does not exist. A tenant's own welcome lists do not count: a denial is for all tenants. */
export function countGuess({ abuse, deps, peerSources }: SmtpServices, ip: string): void {
  abuse.unknownRecipient(ip, () => peerSources.dnsLists.welcomes(ip, deps.policy.current().value({}, "dnsbl")));
}
