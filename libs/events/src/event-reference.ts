import { z } from "zod";
import type { EventCatalogue } from "./catalogue/catalogue.ts";
import { eventCatalogue, readerGeneration } from "./catalogue/catalogue.ts";
import type { EventEntry } from "./catalogue/entry.ts";
import type { LifeClass } from "./streams.ts";

/** The parts of JSON Schema that the catalogue's schemas come out as. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
}

const classes: readonly { readonly name: LifeClass; readonly meaning: string }[] = [
  { name: "record", meaning: "Kept for good: administration, policy, lists. Personal fields are sealed at rest." },
  { name: "mail", meaning: "A mailbox's content; lives as long as the mailbox." },
  { name: "traffic", meaning: "Expires by age (90 days by default)." },
];

const introduction = `# Events

Generated from the catalogue in libs/events by \`node scripts/generate-event-docs.ts\`; a test fails when they differ.

An event's wire name carries its version (\`TenantSuspended.v1\`); code and the audit feed use the bare name and see only
the newest shape. A new optional field keeps the version; any other change of shape is the next version plus an upcaster.
*personal* = sealed at rest under the tenant's key, \`null\` once that key was erased. *secret* = shown to nobody, feed,
audit and API read \`[secret]\`. The reader generation of this release is ${readerGeneration}.
`;

/** docs/reference/events.md as it must read for this catalogue. */
export function renderEventReference(catalogue: EventCatalogue = eventCatalogue): string {
  const entries = Object.values(catalogue);
  const sections = classes.map(({ name, meaning }) => {
    const own = entries.filter((entry) => entry.lifeClass === name);
    return `## Class: ${name}\n\n${meaning}\n\n${own.map(renderEntry).join("\n")}`;
  });
  return [introduction, ...sections].join("\n");
}

function renderEntry(entry: EventEntry): string {
  const streams = entry.categories.map((category) => `\`${category}-…\``).join(", ");
  const reader = entry.minReader > 1 ? ` Oldest reader generation: ${entry.minReader}.` : "";
  const schema = z.toJSONSchema(entry.schema, { unrepresentable: "any" }) as JsonSchema;
  const rows = Object.entries(schema.properties ?? {}).map(([field, type]) => {
    const notes = [
      schema.required?.includes(field) ? "" : "optional",
      entry.personal.includes(field) && entry.lifeClass === "record" ? "personal" : "",
      entry.secret.includes(field) ? "secret" : "",
    ].filter((note) => note !== "");
    return `| \`${field}\` | ${renderType(type).replaceAll("|", "\\|")} | ${notes.join(", ")} |`;
  });
  return [
    `### ${entry.name}`,
    "",
    `${entry.meaning} Version ${entry.version}, in ${streams}.${reader}`,
    "",
    "| field | type | |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function renderType(schema: JsonSchema): string {
  if (schema.description !== undefined) return schema.description;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map(renderType).join(" | ");
  if (schema.type === "array") return `list of ${renderType(schema.items ?? {})}`;
  if (schema.type === "object") return renderObject(schema);
  return schema.type ?? "any";
}

function renderObject(schema: JsonSchema): string {
  if (schema.properties === undefined) {
    const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
    return `map of ${renderType(values)}`;
  }
  const fields = Object.entries(schema.properties).map(
    ([name, type]) => `${name}${schema.required?.includes(name) ? "" : "?"}: ${renderType(type)}`,
  );
  return `{ ${fields.join(", ")} }`;
}
