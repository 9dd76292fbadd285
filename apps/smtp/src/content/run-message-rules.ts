import { decodeHeaderText, fieldValue, headerFields, type MessageText } from "@mailfold/mime";
import { type Facts, type RulesFact, ruleAuthentication } from "@mailfold/policy";
import {
  type ContentAnswer,
  type ContentTest,
  compileRules,
  contentTestKey,
  type MatchedRule,
  type RuleBudget,
  type RuleInput,
  type RuleOutcome,
  runRules,
  type ScopeRules,
} from "@mailfold/rules";
import type { ContentServices } from "./content-services.ts";

export const noRules: RulesFact = { actions: [], matched: [], undecided: [] };

const headersMax = 1_000;
/** Rules named in a verdict's facts; all of them act. */
const matchedKept = 100;

/** The header fields of one message as rules read them. */
export function ruleHeaders(bytes: Uint8Array): RuleInput["headers"] {
  const headers: { name: string; value: string }[] = [];
  for (const field of headerFields(bytes)) {
    if (headers.length === headersMax) break;
    headers.push({ name: field.name, value: decodeHeaderText(fieldValue(bytes, field)) });
  }
  return headers;
}

/** What rules need of a message; each part is made once for all recipients. */
export interface RuleMessage {
  readonly headers: RuleInput["headers"];
  readonly sizeBytes: number;
  /** Answers so far, by contentTestKey. */
  readonly answers: Map<string, ContentAnswer>;
  /** Tests left open, each with whose they were: another tenant's turn may have room for the same test. */
  readonly open: Set<string>;
  /** What patterns may spend on this message, all recipients together. */
  readonly budget: RuleBudget;
  /** The message's texts; undefined when they could not be read in time. */
  text(): Promise<MessageText | undefined>;
}

/** One recipient's turn; `tenantId`: at whose expense its rules run. */
export interface RulesRequest {
  readonly facts: Facts;
  readonly scopes: readonly ScopeRules[];
  readonly score: number | undefined;
  readonly tenantId: string | undefined;
}

/** Runs all scopes' rules for one recipient: header and envelope here, body tests in a worker, when some rule needs them. */
export async function runMessageRules(
  { rules }: ContentServices,
  message: RuleMessage,
  request: RulesRequest,
): Promise<RulesFact> {
  const { facts, scopes, score, tenantId } = request;
  if (scopes.length === 0) return noRules;
  const compiled = compileRules(scopes, rules.cache);
  const authentication = ruleAuthentication(facts);
  const input: RuleInput = {
    direction: facts.recipient?.found.kind === "foreign" ? "outbound" : "inbound",
    sender: facts.sender?.address ?? "",
    recipient: facts.recipient?.address ?? "",
    headers: message.headers,
    sizeBytes: message.sizeBytes,
    ...(authentication === undefined ? {} : { authentication }),
    ...(score === undefined ? {} : { score }),
  };
  const spending = { budget: message.budget, tenantId };
  const first = runRules(compiled, input, spending);
  if (first.needsContent.length === 0) return rulesFact(first);
  await answerTests(message, first.needsContent, { pool: rules.pool, owner: tenantId ?? "" });
  return rulesFact(runRules(compiled, { ...input, content: message.answers }, spending));
}

async function answerTests(
  message: RuleMessage,
  tests: readonly ContentTest[],
  { pool, owner }: { readonly pool: ContentServices["rules"]["pool"]; readonly owner: string },
): Promise<void> {
  const isOpen = (key: string): boolean => !message.answers.has(key) && !message.open.has(`${owner} ${key}`);
  const open = tests.filter((test) => isOpen(contentTestKey(test)));
  if (open.length === 0) return;
  const text = await message.text();
  const answers =
    text === undefined
      ? new Map<string, ContentAnswer>()
      : await pool.match(
          {
            texts: text.texts.map((part) => part.text),
            attachmentNames: text.attachments.flatMap(({ name }) => (name === undefined ? [] : [name])),
          },
          open,
          owner,
        );
  for (const test of open) {
    const key = contentTestKey(test);
    const answer = answers.get(key);
    if (answer === undefined || answer.result === "undecided") message.open.add(`${owner} ${key}`);
    else message.answers.set(key, answer);
  }
}

function rulesFact({ actions, matched, undecided }: RuleOutcome): RulesFact {
  return {
    actions: actions.map(({ action, rule, scope }) => ({ action, rule, scope })),
    matched: matched.slice(0, matchedKept).map(matchedFact),
    undecided: undecided.slice(0, matchedKept),
  };
}

function matchedFact({ rule, scope, line }: MatchedRule): RulesFact["matched"][number] {
  const at = line?.number === undefined ? "" : `${line.field} ${line.number}: `;
  return { rule: rule.name, scope, ...(line === undefined ? {} : { line: `${at}${line.text}`.slice(0, 250) }) };
}
