import { comparisons, type Rule, ruleLimits, type TextField, textFields, textOperators } from "./rule.ts";

const operators: ReadonlySet<unknown> = new Set(textOperators);
const numberOperators: ReadonlySet<unknown> = new Set(comparisons);
/** Printable ASCII: in composed form, on one line, whatever it says. */
const plainText = /^[ -~]+$/;

/**
 * Whether this is, beyond doubt, a rule in canonical form: most are plain, and reading them anew would cost the first mail
 * of a tenant more than its whole verdict. False says nothing: groups in groups, letters beyond ASCII, and actions that
 * send mail on or write header fields are for the reader proper. Patterns are not looked at.
 */
export function isPlainRule(value: unknown): value is Rule {
  if (!isObject(value)) return false;
  const { name, all, any, actions } = value;
  const list = all ?? any;
  return (
    Object.keys(value).length === 3 &&
    isText(name, ruleLimits.nameCharacters) &&
    isList(list, any === undefined ? 0 : 1, ruleLimits.conditionsPerRule) &&
    list.every(isPlainTest) &&
    isList(actions, 1, ruleLimits.actionsPerRule) &&
    actions.every(isPlainAction)
  );
}

type PlainObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, charactersMax: number): value is string {
  return typeof value === "string" && value.length <= charactersMax && plainText.test(value);
}

function isList(value: unknown, min: number, max: number): value is readonly unknown[] {
  return Array.isArray(value) && value.length >= min && value.length <= max;
}

function isPlainTest(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { field, header, operator, values, caseSensitive } = value;
  const keys = Object.keys(value).length;
  if (field === "size" || field === "score") {
    return keys === 3 && numberOperators.has(operator) && Number.isFinite(value.value);
  }
  if (typeof field !== "string" || !Object.hasOwn(textFields, field)) return false;
  const named = field === ("header" satisfies TextField);
  if (named && !(typeof header === "string" && /^[a-z0-9-]{1,76}$/.test(header))) return false;
  const wanted = named ? 3 : 2;
  if (operator === "exists") return keys === wanted;
  if (caseSensitive !== undefined && caseSensitive !== true) return false;
  return (
    keys === wanted + (caseSensitive === undefined ? 1 : 2) &&
    operators.has(operator) &&
    areValues(values, operator === "matches")
  );
}

function areValues(values: unknown, arePatterns: boolean): boolean {
  const max = arePatterns ? ruleLimits.patternsPerTest : ruleLimits.valuesPerTest;
  const charactersMax = arePatterns ? ruleLimits.patternCharacters : ruleLimits.valueCharacters;
  if (!isList(values, 1, max) || !values.every((text) => isText(text, charactersMax))) return false;
  return values.length === 1 || new Set(values).size === values.length;
}

function isPlainAction(value: unknown): boolean {
  if (!isObject(value)) return false;
  const keys = Object.keys(value).length;
  switch (value.do) {
    case "file":
    case "copy":
      return keys === 2 && isText(value.folder, ruleLimits.folderCharacters);
    case "tag":
      return keys === 2 && isText(value.text, ruleLimits.tagCharacters);
    case "quarantine":
    case "discard":
    case "reject":
    case "stop":
      return keys === 1;
    default:
      return false;
  }
}
