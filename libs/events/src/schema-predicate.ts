import type { z } from "zod";

type Predicate = (value: unknown) => boolean;

/** The parts of a zod definition that the catalogue's schemas are made of. */
interface Definition {
  readonly type: string;
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[];
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly keyType?: z.ZodType;
  readonly valueType?: z.ZodType;
}
interface CheckDefinition {
  readonly check: string;
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly value?: unknown;
  readonly inclusive?: boolean;
}

/**
 * A quick test for what a schema accepts, without zod's copies and issues: true only for values that the schema accepts.
 * False says nothing (a value, or a kind of schema, that it does not know): then zod decides and names what is wrong.
 */
export function schemaPredicate(schema: z.ZodType): Predicate {
  const definition = schema._zod.def as unknown as Definition;
  switch (definition.type) {
    case "string":
      return stringPredicate(definition);
    case "number":
      return numberPredicate(definition);
    case "boolean":
      return (value) => typeof value === "boolean";
    case "unknown":
      return () => true;
    case "literal":
      return oneOf(definition.values ?? []);
    case "enum":
      return oneOf(Object.values(definition.entries ?? {}));
    case "array":
      return arrayPredicate(definition);
    case "union":
      return anyOf((definition.options ?? []).map(schemaPredicate));
    case "record":
      return recordPredicate(definition);
    case "object":
      return objectPredicate(definition);
    default:
      return unsure;
  }
}

const unsure: Predicate = () => false;

function checksOf(definition: Definition): readonly CheckDefinition[] {
  return (definition.checks ?? []).map((check) => check._zod.def);
}

function stringPredicate(definition: Definition): Predicate {
  const checks = checksOf(definition);
  if (checks.length === 0) return (value) => typeof value === "string";
  const [only] = checks;
  const pattern = only?.pattern;
  const isPattern = checks.length === 1 && only?.format === "regex" && pattern?.global === false && !pattern.sticky;
  return isPattern ? (value) => typeof value === "string" && pattern.test(value) : unsure;
}

function numberPredicate(definition: Definition): Predicate {
  let min = Number.NEGATIVE_INFINITY;
  for (const { check, format, value, inclusive } of checksOf(definition)) {
    if (check === "greater_than" && inclusive === true && typeof value === "number") min = Math.max(min, value);
    else if (check !== "number_format" || format !== "safeint") return unsure;
  }
  // Whole numbers only: the catalogue has no others, and zod looks at what is left over.
  return (value) => Number.isSafeInteger(value) && (value as number) >= min;
}

function oneOf(values: readonly unknown[]): Predicate {
  const known = new Set(values);
  return (value) => typeof value === "string" && known.has(value);
}

function anyOf(options: readonly Predicate[]): Predicate {
  return (value) => options.some((option) => option(value));
}

function arrayPredicate({ element, checks }: Definition): Predicate {
  if (element === undefined || (checks?.length ?? 0) > 0) return unsure;
  const accepts = schemaPredicate(element);
  return (value) => Array.isArray(value) && value.every(accepts);
}

/** Only records of anything by any name: the facts of a verdict. */
function recordPredicate({ keyType, valueType, checks }: Definition): Predicate {
  const key = keyType?._zod.def as unknown as Definition | undefined;
  const isOpen = key?.type === "string" && key.checks === undefined && valueType?._zod.def.type === "unknown";
  return isOpen && (checks?.length ?? 0) === 0 ? isPlain : unsure;
}

/** Strict objects: every required field, and no field that is not named. */
function objectPredicate({ shape, catchall, checks }: Definition): Predicate {
  if (shape === undefined || catchall?._zod.def.type !== "never" || (checks?.length ?? 0) > 0) return unsure;
  const fields = Object.entries(shape).map(([name, schema]) => {
    const { type, innerType } = schema._zod.def as unknown as Definition;
    const isOptional = type === "optional";
    return { name, isOptional, accepts: schemaPredicate(isOptional && innerType !== undefined ? innerType : schema) };
  });
  return (value) => {
    if (!isPlain(value)) return false;
    let present = 0;
    for (const { name, isOptional, accepts } of fields) {
      const member = value[name];
      if (member === undefined && isOptional) continue;
      if (!accepts(member)) return false;
      present += 1;
    }
    // A field that is there but undefined is one too many: the wire has no undefined.
    return Object.keys(value).length === present;
  };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
