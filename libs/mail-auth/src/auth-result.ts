/** SPF (RFC 7208 section 2.6). */
export interface SpfCheck {
  readonly result: "none" | "neutral" | "pass" | "fail" | "softfail" | "temperror" | "permerror";
  /** What was checked: MAIL FROM, or HELO for a null reverse-path (RFC 7208 section 2.4). */
  readonly identity: "mailfrom" | "helo";
  /** Lower-case domain that was checked. */
  readonly domain: string;
  /** Text that the domain publishes for refused senders (exp=): a third party's words, at most 255 printable ASCII characters. */
  readonly explanation?: string;
  readonly detail?: string;
}

/** One DKIM signature (RFC 6376, results of RFC 8601 section 2.7.1). */
export interface DkimCheck {
  /** `policy`: it verifies, but is not taken: key too short, rsa-sha1 (RFC 8301), or an l= that leaves part of the body unsigned. */
  readonly result: "pass" | "fail" | "policy" | "neutral" | "temperror" | "permerror";
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: string;
  /** Whether the signing domain is aligned with the From domain (RFC 9989 section 4.4). */
  readonly aligned: boolean;
  /** Octets of the body that an l= tag leaves unsigned. */
  readonly unsignedBodyBytes?: number;
  /** First characters of the signature, to tell several of one domain apart (RFC 6008). */
  readonly signature?: string;
  readonly detail?: string;
}

/** DMARC (RFC 9989). */
export interface DmarcCheck {
  /** `permerror`: not decidable, because From names none or several domains, or the header is over the caps; treat as suspicious (section 11.5). */
  readonly result: "none" | "pass" | "fail" | "temperror" | "permerror";
  /** Domain of the From field; empty when there is not exactly one. */
  readonly domain: string;
  /** What the domain asks for when the check fails: p, sp or np, softened when the record says t=y. */
  readonly policy?: "none" | "quarantine" | "reject";
  /** Where the applied record was published. */
  readonly policyDomain?: string;
  readonly alignment: {
    readonly spf: boolean;
    readonly dkim: boolean;
    readonly spfMode: "relaxed" | "strict";
    readonly dkimMode: "relaxed" | "strict";
  };
  readonly detail?: string;
}

/** One set of an ARC chain, as claimed; only a chain that passes proves it. */
export interface ArcSet {
  readonly instance: number;
  readonly domain: string;
  readonly selector: string;
}

/** ARC (RFC 8617 section 5.2). */
export interface ArcCheck {
  readonly result: "none" | "pass" | "fail" | "temperror";
  /** Oldest first, at most 50. */
  readonly chain: readonly ArcSet[];
  /** What the newest sealer says that it saw; only when the chain passes. */
  readonly newestClaims?: { readonly authservId: string; readonly spf?: string; readonly dmarc?: string };
  readonly detail?: string;
}

/** Everything that authentication found out about one message. A DNS failure is the value `temperror`, never an exception. */
export interface MessageAuthResult {
  readonly spf: SpfCheck;
  /** In the order of the header; empty when the message is not signed; at most signaturesMax. */
  readonly dkim: readonly DkimCheck[];
  /** Signatures beyond the cap that nobody looked at. */
  readonly dkimNotChecked: number;
  readonly dmarc: DmarcCheck;
  readonly arc: ArcCheck;
}

/** Who sent what: the facts of the session that authentication needs. */
export interface MessageAuthInput {
  /** Address of the connecting client. */
  readonly ip: string;
  readonly helo: string;
  /** MAIL FROM without angle brackets; empty for the null reverse-path. */
  readonly mailFrom: string;
  /** Our own name, for SPF macros. */
  readonly hostname: string;
  readonly message: Uint8Array;
  /** An SPF result from MAIL FROM time, so that it is not asked for again. */
  readonly spf?: SpfCheck;
  /** For the whole of it, from now. */
  readonly deadlineMs: number;
}
