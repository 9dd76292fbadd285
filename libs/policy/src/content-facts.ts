import type { SpfFact } from "./peer-facts.ts";

/** Message authentication as the edge found it (RFC 8601 result names). */
export interface AuthenticationFact {
  readonly spf: SpfFact;
  readonly dkim: readonly {
    readonly result: "pass" | "fail" | "policy" | "neutral" | "temperror" | "permerror";
    readonly domain: string;
    readonly aligned: boolean;
  }[];
  readonly dmarc: {
    readonly result: "none" | "pass" | "fail" | "temperror" | "permerror";
    readonly domain: string;
    readonly policy?: "none" | "quarantine" | "reject";
  };
  readonly arc: {
    readonly result: "none" | "pass" | "fail" | "temperror";
    /** Domains that sealed, oldest first. */
    readonly sealers: readonly string[];
    /** What the newest sealer saw; only of a chain that passes. */
    readonly claimedDmarc?: string;
  };
}

/** A scanner that gave no answer within its deadline, or nonsense. */
export interface ScannerDownFact {
  readonly status: "down";
  readonly cause: string;
}

/** What scanners say of a message; an absent one was not asked (not configured, or switched off by the policy). */
export interface ScanFact {
  readonly rspamd?:
    | {
        readonly status: "scanned";
        readonly score: number;
        readonly action: string;
        readonly symbols: readonly string[];
      }
    | ScannerDownFact;
  readonly clamav?:
    | { readonly status: "clean" | "tooLarge" }
    | { readonly status: "infected"; readonly signature: string }
    | ScannerDownFact;
}

/** The tenant's own statistical filter. */
export interface ClassifierFact {
  readonly verdict: "spam" | "ham" | "unsure" | "untrained";
  readonly probability: number;
  /** Strongest tokens, for the trace; at most 5. */
  readonly tokens: readonly string[];
}

/** Something that a content check saw (HTML features, phrases, URL domains, broken MIME). */
export interface ContentFindingFact {
  readonly check: "html" | "phrases" | "urls" | "mime";
  readonly name: string;
  readonly score: number;
  readonly detail: string;
}

/** Action of a processing rule, as in libs/rules (`RuleAction` without stop). */
export type RuleActionFact =
  | { readonly do: "file" | "copy"; readonly folder: string }
  | { readonly do: "header"; readonly name: string; readonly value: string }
  | { readonly do: "tag"; readonly text: string }
  | { readonly do: "forward" | "redirect"; readonly to: readonly string[] }
  | { readonly do: "reject"; readonly text?: string }
  | { readonly do: "quarantine" | "discard" }
  | { readonly do: "flag"; readonly flag: string };

/** What the processing rules of all scopes said of this recipient's copy. */
export interface RulesFact {
  /** In order, settled between the rules (libs/rules settle-actions). */
  readonly actions: readonly {
    readonly action: RuleActionFact;
    readonly rule: string;
    readonly scope: RuleScopeKind;
  }[];
  readonly matched: readonly { readonly rule: string; readonly scope: RuleScopeKind; readonly line?: string }[];
  /** Rules whose body tests ran out of time: they count as not matching. */
  readonly undecided: readonly { readonly rule: string; readonly scope: RuleScopeKind }[];
}
export type RuleScopeKind = "platform" | "reseller" | "tenant" | "domain" | "mailbox";

/** What makes the score, for the trace and for `score` conditions of rules. */
export interface ScorePart {
  readonly name: string;
  readonly points: number;
  readonly detail?: string;
}

/** How an accepted copy is delivered beyond "into INBOX": what thresholds and rules ask for. */
export interface Delivery {
  /** Folder name of the rule nearest to the mailbox; wins over junk. */
  readonly folder?: string;
  readonly copies?: readonly string[];
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
  /** Put before the subject. */
  readonly subjectTag?: string;
  readonly flags?: readonly string[];
  readonly forwardTo?: readonly string[];
  /** Sent on, and no copy kept when not empty. */
  readonly redirectTo?: readonly string[];
}
