import type { ReasonDefinition } from "./reason-definition.ts";

const remedy =
  "Look at the listing and its evidence; pardon the sender, accept it, or for the platform's list set learning.use to false.";
const told = "It ends by itself when no more spam comes.";

const refused = (text: string, phase: ReasonDefinition["phase"], listed: string) =>
  ({ action: "reject", code: 550, enhancedCode: "5.7.1", text, phase, meaning: `${listed} ${told}`, remedy }) as const;
const deferred = (text: string, phase: ReasonDefinition["phase"], listed: string) =>
  ({
    action: "defer",
    code: 451,
    enhancedCode: "4.7.1",
    text: `${text}; try again later`,
    phase,
    meaning: `${listed} The action is defer: fewer points than for a refusal. ${told}`,
    remedy,
  }) as const;

const ip = [
  "Too much spam came from your address",
  "connect",
  "A learned blacklist names the peer's address.",
] as const;
const network = [
  "Too much spam came from your network",
  "connect",
  "A learned blacklist names the peer's network: several addresses in it are listed.",
] as const;
const domain = [
  "Too much spam came from the domain in the From header",
  "data",
  "A learned blacklist names the From domain, and DMARC proves that it is not forged.",
] as const;
const sender = [
  "Too much spam came from the address in the From header",
  "data",
  "A learned blacklist names the From address, and DMARC proves that its domain is not forged.",
] as const;

/** Reasons of blacklists learned from evidence. */
export const learnedReasons = {
  "learned-ip": refused(...ip),
  "learned-ip-deferred": deferred(...ip),
  "learned-network": refused(...network),
  "learned-network-deferred": deferred(...network),
  "learned-domain": refused(...domain),
  "learned-domain-deferred": deferred(...domain),
  "learned-sender": refused(...sender),
  "learned-sender-deferred": deferred(...sender),
} as const satisfies Record<string, ReasonDefinition>;
