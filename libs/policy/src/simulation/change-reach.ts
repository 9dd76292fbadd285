import { type ListingSubject, type Scope, scopeId } from "@mailfold/domain";
import { type IpAddress, parseIp, prefixContains } from "../ip-address.ts";
import { parseSenderPattern, type SenderPattern } from "../sender-pattern.ts";
import type { Facts } from "../types.ts";
import type { PolicyChange } from "../what-if/policy-change.ts";
import type { AnyColumn, SegmentReader } from "./fact-segment.ts";
import { canonicalHost } from "./row-names.ts";

/** Settings that only a message's content is judged by. */
const contentSettings: ReadonlySet<string> = new Set([
  "classifier",
  "contentChecks",
  "dmarc",
  "junkAction",
  "phraseList",
  "rules",
  "scanAuthenticated",
  "scannerFailure",
  "spamScanner",
  "spamThresholds",
  "subjectTag",
  "trustedSealers",
  "urlDenyList",
  "virusAction",
  "virusScanner",
]);

/** Which rows a change can touch at all: every one it does touch is among them. */
type Reach = { readonly of: "all" | "content" } | { readonly of: "pattern"; readonly pattern: SenderPattern };

function reachOfSettings(names: readonly string[]): Reach {
  return { of: names.every((name) => contentSettings.has(name)) ? "content" : "all" };
}

function reachOfPattern(text: string): Reach {
  const pattern = parseSenderPattern(text);
  return "problem" in pattern ? { of: "all" } : { of: "pattern", pattern };
}

function reachOfSubject({ kind, value }: ListingSubject): Reach {
  // A listed domain or sender is one that the message proves, so only rows with content are judged by it.
  return kind === "ip" || kind === "prefix" ? reachOfPattern(value) : { of: "content" };
}

function reachOf(change: PolicyChange): Reach {
  if ("set" in change) return reachOfSettings(Object.keys(change.set));
  if ("unset" in change) return reachOfSettings(change.unset);
  if ("entryAdd" in change) return reachOfPattern(change.entryAdd.pattern);
  if ("entryRemove" in change) return reachOfPattern(change.entryRemove.pattern);
  if ("pardon" in change) return reachOfSubject(change.pardon);
  return { of: "content" };
}

/** Whether any of some changes is one of rules. */
export function changesRules(changes: readonly PolicyChange[]): boolean {
  return changes.some((change) => {
    if ("set" in change) return "rules" in change.set;
    if ("unset" in change) return change.unset.includes("rules");
    return "ruleSave" in change || "ruleDelete" in change;
  });
}

/** By code of a column: 1 = yes. */
type Flags = Uint8Array;

function flagsOf(reader: SegmentReader, column: AnyColumn, ofAbsent: boolean, test: (code: number) => boolean): Flags {
  const { texts } = reader.segment.columns[column];
  const flags = new Uint8Array(texts.length + 1);
  flags[0] = ofAbsent ? 1 : 0;
  for (let code = 1; code <= texts.length; code++) if (test(code)) flags[code] = 1;
  return flags;
}

/** Codes whose text names a scope. */
export function mentions(reader: SegmentReader, column: AnyColumn, id: string): Flags {
  const wanted = `"${id}"`;
  const { texts } = reader.segment.columns[column];
  return Uint8Array.from([0, ...texts.map((text) => (text.includes(wanted) ? 1 : 0))]);
}

function namesSender(pattern: SenderPattern, address: string): boolean {
  if (pattern.kind === "address") return address === pattern.key;
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return pattern.kind === "domain" ? domain === pattern.key : domain.endsWith(pattern.key);
}

/** By column, the codes that a pattern names; columns that it cannot name are left out. */
function namedBy(reader: SegmentReader, pattern: SenderPattern): readonly (readonly [AnyColumn, Flags])[] {
  const { kind, key, prefix } = pattern;
  if (prefix !== undefined) {
    const contains = (text: string | undefined): boolean => {
      const ip: IpAddress | undefined = text === undefined ? undefined : parseIp(text);
      return ip !== undefined && prefixContains(prefix, ip);
    };
    return [
      ["ip", flagsOf(reader, "ip", false, (code) => contains(reader.value("ip", code) as string))],
      [
        "origin",
        flagsOf(reader, "origin", false, (code) => contains((reader.value("origin", code) as Facts["origin"])?.ip)),
      ],
    ];
  }
  if (kind === "host") {
    const named = (code: number): boolean => {
      const host = reader.value("host", code) as Facts["host"];
      return host?.status === "confirmed" && canonicalHost(host.name) === key;
    };
    // A host that nobody looked up might have had that name.
    return [
      ["host", flagsOf(reader, "host", true, named)],
      ["helo", flagsOf(reader, "helo", false, (code) => canonicalHost(reader.value("helo", code) as string) === key)],
    ];
  }
  const { reduced = [], reducedCodes = new Uint16Array(1) } = reader.segment.columns.sender;
  const forms = reduced.map((form) => namesSender(pattern, form.slice(form.indexOf(" ") + 1)));
  return [["sender", Uint8Array.from(reducedCodes, (code) => (forms[code - 1] === true ? 1 : 0))]];
}

/** Which rows of a segment some changes can touch. */
export class ChangeReach {
  readonly #changes: readonly Reach[];
  readonly #scope: string | undefined;

  constructor(scope: Scope, changes: readonly PolicyChange[]) {
    this.#changes = changes.map(reachOf);
    this.#scope = scope.kind === "platform" ? undefined : scopeId(scope);
  }

  /** A test for rows of one segment. */
  over(reader: SegmentReader): (row: number) => boolean {
    const { columns } = reader.segment;
    const isInScope = this.#scopeTest(reader);
    const all = this.#changes.some(({ of }) => of === "all");
    const content = this.#changes.some(({ of }) => of === "content");
    const named = this.#changes.flatMap((reach) => (reach.of === "pattern" ? namedBy(reader, reach.pattern) : []));
    const tests = named.map(([column, flags]) => ({ codes: columns[column].codes, flags }));
    const shapes = columns.shape.codes;
    return (row) => {
      if (!isInScope(row)) return false;
      if (all || (content && shapes[row] !== 0)) return true;
      for (const { codes, flags } of tests) if (flags[codes[row] as number] === 1) return true;
      return false;
    };
  }

  /** Rows whose verdict may read a scope's policy: those that name it, and all that no tenant's recipient or login anchors. */
  #scopeTest(reader: SegmentReader): (row: number) => boolean {
    if (this.#scope === undefined) return () => true;
    const { columns } = reader.segment;
    const scope = ` ${this.#scope} `;
    // The scopes of a recipient of ours stand at the end of its form; one elsewhere is loose.
    const named = (columns.recipient.reduced ?? []).map((form) => `${form} `.includes(scope));
    const recipient = Uint8Array.from(columns.recipient.reducedCodes ?? [0], (code) =>
      named[code - 1] === true ? 1 : 0,
    );
    const login = mentions(reader, "login", this.#scope);
    const { reduced = [], reducedCodes = new Uint16Array(1) } = columns.recipient;
    const loose = Uint8Array.from(reducedCodes, (code) => (code === 0 || reduced[code - 1] === "foreign" ? 1 : 0));
    const recipients = columns.recipient.codes;
    const logins = columns.login.codes;
    return (row) => {
      const [to, by] = [recipients[row] as number, logins[row] as number];
      return recipient[to] === 1 || login[by] === 1 || (by === 0 && loose[to] === 1);
    };
  }
}
