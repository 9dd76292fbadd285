import type { Scope, SettingValue } from "@mailfold/domain";

/** A processing rule where it stands. */
export interface SavedRule {
  readonly scope: Scope;
  /** Canonical form: libs/rules `Rule`. */
  readonly rule: SettingValue;
}

/** Text that made a condition true: a header field or a part of the envelope as it stands there, or a numbered line. */
export interface RuleTestLine {
  readonly field: string;
  readonly text: string;
  /** Line of the text parts, or the attachment's number; from 1. */
  readonly number?: number;
}

/** Outcome of one condition. */
export interface RuleTestCondition {
  /** Steps into the rule, e.g. all, 1, not. */
  readonly path: readonly string[];
  readonly condition: SettingValue;
  /** `undecided`: its time was over, or the message could not be read. */
  readonly result: "yes" | "no" | "undecided";
  readonly line?: RuleTestLine;
}

/** What one rule says of one stored message. */
export interface RuleTest {
  readonly rule: SettingValue;
  readonly result: RuleTestCondition["result"];
  /** It is enabled and of the message's direction: else it would not be asked. */
  readonly runs: boolean;
  readonly direction: "inbound" | "outbound";
  readonly line?: RuleTestLine;
  /** Outermost first. */
  readonly conditions: readonly RuleTestCondition[];
  /** What would be done, other rules aside. */
  readonly actions: readonly SettingValue[];
  readonly dropped: readonly { readonly action: SettingValue; readonly why: string }[];
  /** The message as the rule sees it. */
  readonly message: {
    readonly sender: string;
    readonly recipient: string;
    readonly sizeBytes: number;
    readonly score?: number;
  };
  /** The message is larger than what was looked at. */
  readonly truncated: boolean;
}
