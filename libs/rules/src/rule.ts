/** Where a rule is set, from the top down: the order in which rules run. */
export const ruleScopes = ["platform", "reseller", "tenant", "domain", "mailbox"] as const;
export type RuleScope = (typeof ruleScopes)[number];

/**
 * What a text test looks at. The ancestor's rules.ima fields are `to`, `from`, `sender`, `subject`, `anyHeader` (its
 * Header) and `body`; the rest is new.
 */
export const textFields = {
  /** Envelope sender (MAIL FROM), "" for `<>`: the ancestor's Sender. */
  sender: "sender",
  /** Envelope recipient (RCPT TO) that the rules run for. */
  recipient: "recipient",
  /** From fields, as whole text and as each bare address: the ancestor's From. */
  from: "from",
  /** To fields, as whole text and as each bare address: the ancestor's To. */
  to: "to",
  /** Subject fields: the ancestor's Subject. */
  subject: "subject",
  /** Every field whose name the test gives. */
  header: "header",
  /** Every field as `Name: value`: the ancestor's Header, which searches the whole header. */
  anyHeader: "anyHeader",
  /** Decoded text parts: the ancestor's Body. */
  body: "body",
  /** File names of attachments. */
  attachmentName: "attachmentName",
  /** Authentication results, e.g. `pass`, `fail`, `none`, `temperror`. */
  spf: "spf",
  dkim: "dkim",
  dmarc: "dmarc",
  arc: "arc",
} as const;
export type TextField = keyof typeof textFields;

/** `contains` and `matches` are the ancestor's text and pattern searches; `not` around a test its "does not contain". */
export const textOperators = ["contains", "equals", "startsWith", "endsWith", "matches"] as const;
export type TextOperator = (typeof textOperators)[number];
export const comparisons = ["equals", "lessThan", "atMost", "greaterThan", "atLeast"] as const;
export type Comparison = (typeof comparisons)[number];

/** True when any value of the field satisfies any of `values`. Without caseSensitive, case is ignored (its case flag). */
export interface TextTest {
  readonly field: TextField;
  /** Field name, lower case; with `header` only. */
  readonly header?: string;
  readonly operator: TextOperator;
  readonly values: readonly string[];
  readonly caseSensitive?: true;
}

/** True when the field is there and not empty. */
export interface ExistsTest {
  readonly field: TextField;
  readonly header?: string;
  readonly operator: "exists";
}

/** Size in octets, or the spam score so far. A score that is not known satisfies no comparison. */
export interface NumberTest {
  readonly field: "size" | "score";
  readonly operator: Comparison;
  readonly value: number;
}

export type RuleTest = TextTest | ExistsTest | NumberTest;
export type Condition =
  | RuleTest
  | { readonly not: Condition }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] };

export type RuleAction =
  /** Deliver into this folder; the rule nearest to the mailbox wins. The ancestor's move. */
  | { readonly do: "file"; readonly folder: string }
  /** Deliver into this folder too. */
  | { readonly do: "copy"; readonly folder: string }
  /** Add a header field `X-...`. The ancestor's X-header. */
  | { readonly do: "header"; readonly name: string; readonly value: string }
  /** Put this text before the subject. */
  | { readonly do: "tag"; readonly text: string }
  /** Send a copy on and keep the mail. */
  | { readonly do: "forward"; readonly to: readonly string[] }
  /** Send the mail on and keep none. The ancestor's forward and send. */
  | { readonly do: "redirect"; readonly to: readonly string[] }
  | { readonly do: "quarantine" }
  /** Refuse in the SMTP dialogue with this text. The ancestor's bounce, without the backscatter. */
  | { readonly do: "reject"; readonly text?: string }
  /** Hold hidden in quarantine. The ancestor's delete, which can be undone. */
  | { readonly do: "discard" }
  | { readonly do: "flag"; readonly flag: string }
  /** End the rules of this scope; with lowerScopes those of all scopes below it too. */
  | { readonly do: "stop"; readonly lowerScopes?: true };
export type ActionName = RuleAction["do"];

/** A processing rule in its canonical form: `ruleJson` of equal rules is equal text. Exactly one of all and any is there. */
export interface Rule {
  readonly name: string;
  /** Absent = inbound. */
  readonly direction?: "outbound";
  readonly enabled?: false;
  /** Every condition holds; an empty list holds for every message. */
  readonly all?: readonly Condition[];
  /** Some condition holds. */
  readonly any?: readonly Condition[];
  readonly actions: readonly RuleAction[];
}

/** Bounds of rules. Characters are UTF-16 units. */
export const ruleLimits = {
  rulesPerScope: 200,
  /** Texts compared, all rules of a scope together. */
  valuesPerScope: 5_000,
  nameCharacters: 100,
  conditionsPerRule: 50,
  depth: 5,
  valuesPerTest: 100,
  valueCharacters: 255,
  patternsPerTest: 10,
  patternCharacters: 512,
  /** Instructions of a compiled pattern. */
  patternInstructions: 1_000,
  /** `patternCost` of one pattern, and of all patterns of a scope: about 6 ms and 60 ms of compiling. */
  patternCost: 4_000,
  patternCostPerScope: 40_000,
  actionsPerRule: 10,
  folderCharacters: 255,
  tagCharacters: 50,
  textCharacters: 255,
  /** Redirect and forward targets: of a rule, and of all rules that a message met. */
  targets: 20,
} as const;

/** A rule as JSON text, always the same for the same rule. */
export function ruleJson(rule: Rule): string {
  return JSON.stringify(rule);
}
