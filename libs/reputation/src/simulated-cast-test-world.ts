import type { ResellerId, TenantId } from "@mailfold/kernel";
import type { EvidenceTenant } from "./evidence.ts";
import { dayMs, startAt } from "./evidence-test-world.ts";

/** What a sender is in the simulated world. */
export type Role =
  | "ordinary"
  | "large provider"
  | "bank, forged by others"
  | "forger of the bank"
  | "spam run"
  | "snowshoe"
  | "compromised account"
  | "rival of the colluders"
  | "buyer of immunity";

/** What policy intends for each role: its spam listed by the platform, or nothing listed anywhere, or listed and free again. */
export const intended: Readonly<Record<Role, "listed" | "free" | "listed, then free">> = {
  ordinary: "free",
  "large provider": "free",
  "bank, forged by others": "free",
  "forger of the bank": "listed",
  "spam run": "listed",
  snowshoe: "listed",
  "compromised account": "listed, then free",
  "rival of the colluders": "free",
  "buyer of immunity": "listed",
};

/** A sender and how much it sends each day. */
export interface SimulatedSender {
  readonly role: Role;
  readonly ips: readonly string[];
  /** From domain; `aligned` = DMARC passes. */
  readonly domain: string;
  readonly aligned: boolean;
  /** Mails of a day, good and bad. */
  mailsOf(day: number): { readonly good: number; readonly spam: number };
}

export interface SimulatedTenant extends EvidenceTenant {
  readonly mailboxes: number;
  /** Marks whatever the rival sends as spam. */
  readonly colludes: boolean;
}

/** How big the world is. */
export interface WorldSize {
  readonly days: number;
  readonly ordinary: number;
  readonly spamRuns: number;
  readonly snowshoe: number;
  readonly forgers: number;
  readonly compromised: number;
  readonly buyers: number;
  /** Mails a day of a spam run, and of the large provider. */
  readonly runMails: number;
  readonly providerMails: number;
}
/** 200 senders over 90 days. */
export const fullSize: WorldSize = {
  days: 90,
  ordinary: 100,
  spamRuns: 59,
  snowshoe: 24,
  forgers: 8,
  compromised: 4,
  buyers: 2,
  runMails: 240,
  providerMails: 600,
};
/** The same cast, fewer of each. */
export const smallSize: WorldSize = {
  days: 60,
  ordinary: 20,
  spamRuns: 4,
  snowshoe: 6,
  forgers: 2,
  compromised: 1,
  buyers: 1,
  runMails: 160,
  providerMails: 150,
};

/** 20 tenants of 4 resellers; the last three collude, the first has one mailbox. */
export const simulatedTenants: readonly SimulatedTenant[] = Array.from({ length: 20 }, (_tenant, index) => {
  const colludes = index >= 17;
  return {
    tenantId: `ten_${String(index).padStart(2, "0")}` as TenantId,
    // The colluders have bought from two resellers.
    resellerId: `rsl_${colludes ? 2 + (index % 2) : index % 4}` as ResellerId,
    createdAt: startAt - (colludes ? 0 : 365 * dayMs),
    mailboxes: index === 0 ? 1 : colludes ? 3 : 6 + (index % 5),
    onlyMailbox: index === 0,
    colludes,
  };
});

type Rate = (day: number) => { readonly good: number; readonly spam: number };
const between =
  (from: number, days: number, spam: number, good = 0): Rate =>
  (day) => ({
    good,
    spam: day >= from && day < from + days ? spam : 0,
  });

/** All senders. `int(n)` draws below n. */
export function simulatedCast(size: WorldSize, int: (below: number) => number): readonly SimulatedSender[] {
  const many = (count: number, make: (index: number) => SimulatedSender): SimulatedSender[] =>
    Array.from({ length: count }, (_sender, index) => make(index));
  const part = (of: number): number => Math.floor(size.days * of);
  return [
    ...many(size.ordinary, (index) => {
      const good = 3 + int(11);
      return sender("ordinary", [`198.51.${index}.10`], `firm${index}.example`, () => ({ good, spam: 0 }));
    }),
    ...many(size.spamRuns, (index) => {
      const run = between(7 + int(part(0.75)), 1 + int(3), size.runMails);
      return sender("spam run", [`192.0.${index}.66`], `offer${index}.example`, run, false);
    }),
    ...many(size.snowshoe, (index) => {
      const rate = between(part(0.2), part(0.35), 12);
      return sender("snowshoe", [`203.0.113.${index + 20}`], `deal${index}.example`, rate);
    }),
    ...many(size.forgers, (index) => {
      const run = between(10 + int(part(0.6)), 2, size.runMails);
      return sender("forger of the bank", [`100.20.${index}.7`], "bank.example", run, false);
    }),
    ...many(size.compromised, (index) => {
      const rate = between(part(0.3), 3, 300, 15);
      return sender("compromised account", [`100.30.${index}.25`], `school${index}.example`, rate);
    }),
    ...many(size.buyers, (index) => {
      const rate = between(part(0.12), part(0.4), 90);
      return sender("buyer of immunity", [`100.40.${index}.25`], `lucky${index}.example`, rate);
    }),
    sender("bank, forged by others", ["100.50.0.25"], "bank.example", () => ({ good: 25, spam: 0 })),
    sender("rival of the colluders", ["100.60.0.25"], "rival.example", () => ({ good: 40, spam: 0 })),
    sender(
      "large provider",
      Array.from({ length: 20 }, (_ip, index) => `100.70.1.${index}`),
      "bigmail.example",
      (day) => {
        const spam = (day * size.providerMails * 0.001) % 1 < size.providerMails * 0.001 ? 1 : 0;
        return { good: size.providerMails - spam, spam };
      },
    ),
  ];
}

function sender(role: Role, ips: readonly string[], domain: string, mailsOf: Rate, aligned = true): SimulatedSender {
  return { role, ips, domain, aligned, mailsOf };
}
