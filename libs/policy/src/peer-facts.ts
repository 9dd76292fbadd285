/** What DNS says of a name that the peer gave. A failure is a fact, and never a reason to refuse. */
export interface NameFact {
  /** `missing`: no such name, or neither MX nor address; `nullMx`: takes no mail (RFC 7505); `literal`: an address literal. */
  readonly status: "found" | "missing" | "nullMx" | "literal" | "malformed" | "failed";
  readonly name: string;
}

/** One DNS list's word on the peer. Only 127.0.0.0/8 counts; 127.255.255.0/24 is an error, hence `failed`. */
export interface DnsListFact {
  readonly zone: string;
  readonly result: "listed" | "clear" | "failed";
  /** The answers, e.g. 127.0.0.2. */
  readonly answers?: readonly string[];
}

/** SPF of MAIL FROM, or of HELO for the null sender (RFC 7208 2.4, 2.6). */
export interface SpfFact {
  readonly result: "none" | "neutral" | "pass" | "fail" | "softfail" | "temperror" | "permerror";
  readonly identity: "mailfrom" | "helo";
  /** Lower case. */
  readonly domain: string;
}

/** Counters as they stood before this recipient; recorded, so that a verdict can be explained later. */
export interface CounterFact {
  /** Outgoing recipients of the login's mailbox and of the tenant (login's or relaying) in the last hour. */
  readonly mailboxRecipients?: number;
  readonly tenantRecipients?: number;
  /** Bounces returned in the last hour to the sender of mail that was sent on, and on the account of a tenant that sent on. */
  readonly bouncesToAddress?: number;
  readonly bouncesOfTenant?: number;
}

/** Whether the triplet (network or domain of the peer, sender, recipient) has waited long enough. */
export interface GreylistFact {
  readonly status: "new" | "early" | "passed" | "known";
  /** When the triplet was first seen, ms since the epoch. */
  readonly firstSeenAt?: number;
}

/** A list at the peer's address to ask, from the setting dnsbl. */
export interface DnsListZone {
  readonly zone: string;
  /** Points a listing adds; absent with trusted. */
  readonly weight?: number;
  /** A listing refuses by itself. */
  readonly trusted?: true;
  /** DNSWL: a listing spares from scores and greylisting. */
  readonly welcome?: true;
}
