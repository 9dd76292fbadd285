import { scopeId } from "@mailfold/domain";
import { snapshotOf, stateOf } from "../compiled-policy.ts";
import { ListView } from "../list-view.ts";
import type { CompiledPolicy, Phase } from "../types.ts";
import type { ChangePlace } from "../what-if/apply-changes.ts";
import type { PolicyChange } from "../what-if/policy-change.ts";
import { ChangeReach, changesRules, mentions } from "./change-reach.ts";
import { type FactMark, type FactSegment, type RowOwner, SegmentReader } from "./fact-segment.ts";
import {
  type Comparison,
  compareRow,
  compareRules,
  type RowOutcome,
  type RulesRunner,
  rowOutcomes,
} from "./judge-row.ts";
import { PolicyPair } from "./policy-pair.ts";
import { RescuedMail } from "./rescued-mail.ts";
import { RowTuples, tupleWidth } from "./row-tuples.ts";
import { SimulationCounts } from "./simulation-counts.ts";
import type { SimulationResult } from "./simulation-result.ts";
import { TupleMemo } from "./tuple-memo.ts";

/** What is tried, and on which of the recorded traffic. */
export interface SimulationQuery {
  /** The policy in force, and the same with the changes (applyChanges). */
  readonly baseline: CompiledPolicy;
  readonly changed: CompiledPolicy;
  readonly changes: readonly PolicyChange[];
  /** Where the changes are made: only verdicts of that scope's subtree are looked at. */
  readonly place: ChangePlace;
  /** Milliseconds since the epoch; `from` inclusive, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Runs changed rules; without it they cannot be decided. */
  readonly runRules?: RulesRunner;
}

/** The policy without denials: what an address did once is no matter of settings, and a recorded denial stays. */
function withoutDenials(policy: CompiledPolicy): CompiledPolicy {
  return snapshotOf({ ...stateOf(policy), denials: new ListView() });
}

/** More points than any scanner gives. */
const pointsMax = 1e6;
/** Telling a segment's rows apart costs as much as judging one in so many of them. */
const directShare = 16;

const unchanged = -1;
const undecided = -2;

/** Both judgements as one number. Those that agree are told apart too: only then are they steps in a scanner's points. */
function codeOf(comparison: Comparison): number {
  if (comparison.kind === "undecidable") return undecided;
  if (comparison.kind === "changed") return cellOf(comparison.from, comparison.to);
  return comparison.as === undefined ? unchanged : cellOf(comparison.as, comparison.as);
}

function cellOf(from: RowOutcome, to: RowOutcome): number {
  return rowOutcomes.indexOf(from) * 8 + rowOutcomes.indexOf(to);
}

const phases: readonly Phase[] = ["connect", "helo", "mail", "rcpt", "data"];

/**
 * Tries a change on recorded verdicts, segment by segment. A row counts as changed when the policy in force and the changed one
 * judge its facts differently; then the matrix has both judgements. Every other row is in the matrix as it was recorded, on both
 * sides. Rows that the change cannot touch are not judged at all, and rows that both policies cannot tell apart are judged once.
 */
export class Simulation {
  readonly #query: SimulationQuery;
  readonly #reach: ChangeReach;
  readonly #pair: PolicyPair;
  readonly #plain = new TupleMemo(tupleWidth);
  readonly #own = new TupleMemo(tupleWidth);
  readonly #rescued = new RescuedMail();
  readonly #counts = new SimulationCounts();
  readonly #areRulesChanged: boolean;

  constructor(query: SimulationQuery) {
    const baseline = withoutDenials(query.baseline);
    const changed = withoutDenials(query.changed);
    this.#query = { ...query, baseline, changed };
    this.#reach = new ChangeReach(query.place.scope, query.changes);
    const added = query.changes.flatMap((change) => ("entryAdd" in change ? [change.entryAdd] : []));
    this.#pair = new PolicyPair(stateOf(baseline), stateOf(changed), added);
    this.#areRulesChanged = changesRules(query.changes);
  }

  /** What users said later; all of the table's, in its order, before the first segment. */
  addMarks(marks: readonly FactMark[]): void {
    this.#rescued.add(marks);
  }

  /** Tries the change on a segment's rows. */
  addSegment(segment: FactSegment): void {
    const reader = new SegmentReader(segment);
    const isAsked = this.#rowFilter(reader);
    const reaches = this.#reach.over(reader);
    const reached = new Uint8Array(segment.rows);
    let count = 0;
    for (let row = 0; row < segment.rows; row++) if (isAsked(row) && reaches(row)) count += reached[row] = 1;
    const compare = this.#comparing(reader, count * directShare < segment.rows);
    const counting = this.#counts.over(reader, (verdictId) => this.#rescued.has(verdictId));
    const { outcome } = segment.columns;
    const recorded = [undefined, ...outcome.texts.map((text) => (JSON.parse(text) as { action: RowOutcome }).action)];
    for (let row = 0; row < segment.rows; row++) {
      if (!isAsked(row)) continue;
      const was = recorded[outcome.codes[row] as number] as RowOutcome;
      const code = reached[row] === 1 ? compare(row) : unchanged;
      if (code === undecided) counting.undecided(row, was);
      else if (code === unchanged || code >> 3 === (code & 7)) counting.same(was);
      else
        counting.changed(row, was, {
          from: rowOutcomes[code >> 3] as RowOutcome,
          to: rowOutcomes[code & 7] as RowOutcome,
        });
    }
  }

  result(): SimulationResult {
    return this.#counts.result();
  }

  /** Rows of the subtree and the time that were asked for. */
  #rowFilter(reader: SegmentReader): (row: number) => boolean {
    const { from, place, to } = this.#query;
    const { scope } = place;
    const { columns, numbers } = reader.segment;
    const owners = [undefined, ...columns.owner.texts.map((text) => JSON.parse(text) as RowOwner)];
    const isOwn = owners.map((owner) => owner !== undefined && ownsRow(place, owner));
    const isIn = (row: number): boolean => {
      const at = numbers.at[row] as number;
      return at >= from && at < to && isOwn[columns.owner.codes[row] as number] === true;
    };
    if (scope.kind !== "domain" && scope.kind !== "mailbox") return isIn;
    const recipients = mentions(reader, "recipient", scopeId(scope));
    const logins = mentions(reader, "login", scopeId(scope));
    return (row) => {
      const [to, by] = [columns.recipient.codes[row] as number, columns.login.codes[row] as number];
      return isIn(row) && (recipients[to] === 1 || logins[by] === 1);
    };
  }

  #comparing(reader: SegmentReader, isDirect: boolean): (row: number) => number {
    const { columns } = reader.segment;
    this.#own.clear();
    let tuples: RowTuples | undefined;
    const policies = this.#query;
    const reasons = columns.outcome.texts.map((text) => (JSON.parse(text) as { readonly phase: Phase }).phase);
    return (row) => {
      const recorded = reasons[(columns.outcome.codes[row] as number) - 1] as Phase;
      if (this.#areRulesChanged && columns.shape.codes[row] !== 0) return this.#byRules(reader, row);
      if (isDirect) return codeOf(compareRow(policies, reader.facts(row), recorded));
      const phase = phaseOf(columns.shape.codes[row] !== 0, columns.recipient.codes[row] !== 0, recorded);
      tuples ??= new RowTuples(this.#pair, reader);
      const isPlain = tuples.fill(row, phase);
      const memo = isPlain ? this.#plain : this.#own;
      const points = reader.segment.scores[columns.scan.codes[row] as number] as number;
      const known = memo.get(tuples.tuple, points);
      if (known !== undefined) return known;
      if (!isPlain) {
        const code = codeOf(compareRow(policies, reader.facts(row), recorded));
        memo.put(tuples.tuple, points, code);
        return code;
      }
      const judge = (at: number): number => {
        const code = codeOf(compareRow(policies, (tuples as RowTuples).plainFacts(row, at), recorded));
        memo.put((tuples as RowTuples).tuple, at, code);
        return code;
      };
      // With both ends known, what lies between is soon known too.
      if (!Number.isNaN(points) && memo.isNew) for (const end of [-pointsMax, pointsMax]) judge(end);
      return memo.get(tuples.tuple, points) ?? judge(points);
    };
  }

  /** Rows that rules decide again: what rules said then is out of date. */
  #byRules(reader: SegmentReader, row: number): number {
    const facts = reader.facts(row);
    const run = this.#query.runRules ?? (() => undefined);
    return codeOf(compareRules(this.#query, facts, run));
  }
}

function phaseOf(hasContent: boolean, hasRecipient: boolean, recorded: Phase): number {
  return phases.indexOf(hasContent ? "data" : hasRecipient ? "rcpt" : recorded);
}

/** Whether a verdict on an account is one of a scope's subtree; of a domain or mailbox, of its tenant's. */
function ownsRow({ path, scope }: ChangePlace, { resellerId, tenantId }: RowOwner): boolean {
  if (scope.kind === "platform") return true;
  if (scope.kind === "reseller") return resellerId === scope.id;
  return tenantId !== undefined && tenantId === path.tenantId;
}
