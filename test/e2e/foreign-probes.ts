import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
} from "graphql";

/** What can be named from outside: ids and names of one tenant's things. */
export type Kind =
  | "reseller"
  | "tenant"
  | "domain"
  | "domainName"
  | "mailbox"
  | "address"
  | "sender"
  | "alias"
  | "token"
  | "entry"
  | "shadow"
  | "simulation"
  | "hold"
  | "listing"
  | "listed"
  | "evidence"
  | "pardon"
  | "verdict"
  | "transaction"
  | "messageId"
  | "event"
  | "externalId"
  | "position";
/** Several of one kind where they differ, e.g. a deleted mailbox. */
export type Names = Readonly<Record<Kind, readonly string[]>>;

/** One place of an operation's arguments that names something. */
export interface Slot {
  readonly operation: string;
  /** Argument and input fields down to the place. */
  readonly path: readonly string[];
  readonly kind: Kind;
  /** A change, which takes dryRun and commandId. */
  readonly isCommand: boolean;
  /** The document and its variables with a name in that place; all else is the caller's own. */
  request(name: string, own: Names): { readonly query: string; readonly variables: Record<string, unknown> };
}

const idKinds = [
  "reseller",
  "tenant",
  "domain",
  "mailbox",
  "alias",
  "token",
  "entry",
  "shadow",
  "hold",
  "listing",
  "pardon",
  "verdict",
  "event",
] as const;
/** Argument and input field names that mean the same everywhere. */
const byName: Readonly<Record<string, readonly Kind[]>> = {
  resellerId: ["reseller"],
  tenantId: ["tenant"],
  tenant: ["tenant"],
  domainId: ["domain"],
  mailboxId: ["mailbox"],
  aliasId: ["alias"],
  tokenId: ["token"],
  rotates: ["token"],
  entryId: ["entry"],
  shadowId: ["shadow"],
  ids: ["hold"],
  listingId: ["listing"],
  pardonId: ["pardon"],
  voidEvidence: ["evidence"],
  targets: ["mailbox"],
  reference: ["verdict", "event"],
  messageReference: ["verdict", "hold"],
  transactionId: ["transaction"],
  messageId: ["messageId"],
  recipient: ["address"],
  sender: ["sender", "address"],
  actor: ["token", "mailbox"],
  after: ["position"],
  waitFor: ["position"],
};
/** Where the name alone does not tell. */
const byPlace: Readonly<Record<string, readonly Kind[]>> = {
  "node.id": idKinds,
  "TenantBy.id": ["tenant"],
  "TenantBy.externalId": ["externalId"],
  "DomainBy.id": ["domain"],
  "DomainBy.name": ["domainName"],
  "MailboxBy.id": ["mailbox"],
  "MailboxBy.address": ["address"],
  "MailboxCreateInput.address": ["address"],
  "AliasAddInput.address": ["address"],
  "SenderListWhere.pattern": ["listed"],
  "AsOfInput.position": ["position"],
  "UndoInput.event": ["event"],
  "shadow.id": ["shadow"],
  "simulation.id": ["simulation"],
  "simulationCancel.id": ["simulation"],
};
/** Cursors of these lists are not positions of the log: each is made of what the caller was shown. */
const ownCursors = new Set(["mailboxes", "tenants", "resellers", "senderList", "tokens"]);
/** Inputs with exactly one member. */
const choices = new Set(["AsOfInput", "ScopeInput", "TokenScopeInput", "TenantBy", "DomainBy", "MailboxBy"]);

/** What policyUpdate is asked for: values, limits and what is to go. */
const policyChange = {
  set: { quarantineDays: 11 },
  unset: ["greylist"],
  limits: { sizeLimitBytes: { max: 80_000_000 } },
  unsetLimits: ["spamScanner"],
};

const probeRule = {
  name: "probe",
  all: [{ field: "subject", operator: "contains", values: ["probe"] }],
  actions: [{ do: "flag", flag: "\\Flagged" }],
};

/** Every slot of every query and mutation of the schema. */
export function findSlots(schema: GraphQLSchema): readonly Slot[] {
  const slots: Slot[] = [];
  for (const [kind, type] of [
    ["query", schema.getQueryType()],
    ["mutation", schema.getMutationType()],
  ] as const) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      for (const place of placesOf(field)) {
        const { query } = documentOf(kind, field);
        slots.push({
          operation: field.name,
          isCommand: kind === "mutation",
          ...place,
          request: (name, own) => ({ query, variables: variablesOf(field, { ...place, name, own }) }),
        });
      }
    }
  }
  return slots;
}

interface Place {
  readonly path: readonly string[];
  readonly kind: Kind;
}

function placesOf(field: GraphQLField<unknown, unknown>): readonly Place[] {
  const walk = (owner: string, name: string, type: GraphQLInputType, path: readonly string[]): readonly Place[] => {
    const named = getNamedType(type);
    if (isInputObjectType(named)) {
      return Object.values(named.getFields()).flatMap((each) =>
        walk(named.name, each.name, each.type, [...path, each.name]),
      );
    }
    if (name === "after" && ownCursors.has(field.name)) return [];
    return (byPlace[`${owner}.${name}`] ?? byName[name] ?? []).map((kind) => ({ path, kind }));
  };
  return field.args.flatMap((arg) => walk(field.name, arg.name, arg.type, [arg.name]));
}

function variablesOf(
  field: GraphQLField<unknown, unknown>,
  probe: Place & { readonly name: string; readonly own: Names },
): Record<string, unknown> {
  const { own, path, name } = probe;
  const fill = (owner: string, key: string, type: GraphQLInputType, at: readonly string[]): unknown => {
    const onPath = at.every((part, index) => path[index] === part);
    const required = isNonNullType(type);
    if (!onPath && !required) return undefined;
    const bare = isNonNullType(type) ? type.ofType : type;
    if (onPath && at.length === path.length) return isListType(bare) ? [name] : name;
    const named = getNamedType(bare);
    if (isInputObjectType(named)) {
      if (choices.has(named.name) && !onPath) return chosen(named.name, own);
      const members = Object.values(named.getFields()).map(
        (each) => [each.name, fill(named.name, each.name, each.type, [...at, each.name])] as const,
      );
      const value = Object.fromEntries(members.filter(([, member]) => member !== undefined));
      // An external id is looked for at a reseller; a reseller is asked for an external id.
      if (named.name === "TenantBy" && "externalId" in value) value.resellerId = own.reseller[0];
      if (named.name === "TenantBy" && "resellerId" in value) value.externalId ??= own.externalId[0];
      if (named.name === "PolicyChangeInput" && Object.keys(value).length === 0) value.unset = ["spf"];
      // A listing is named by itself, evidence beside the sender that is pardoned.
      if (named.name === "SenderPardonInput" && !("listingId" in value)) {
        value.subject = "@probed.example";
        value.scope ??= { tenantId: own.tenant[0] };
      }
      // A change that would be one, so that what is refused is the place and not an empty wish.
      if (named.name === "PolicyUpdateInput") Object.assign(value, policyChange);
      return value;
    }
    return isListType(bare) ? [ownValue(owner, key, named, own)] : ownValue(owner, key, named, own);
  };
  const entries = field.args.map((arg) => [arg.name, fill(field.name, arg.name, arg.type, [arg.name])] as const);
  const variables = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  // Who is listed stands on the learned list alone.
  return probe.kind === "listed" ? { ...variables, list: "LEARNED", scope: { tenantId: own.tenant[0] } } : variables;
}

function chosen(type: string, own: Names): Record<string, unknown> {
  if (type === "AsOfInput") return { position: own.position[0] };
  if (type === "DomainBy") return { id: own.domain[0] };
  if (type === "MailboxBy") return { id: own.mailbox[0] };
  return type === "TenantBy" ? { id: own.tenant[0] } : { tenantId: own.tenant[0] };
}

function ownValue(owner: string, key: string, type: unknown, own: Names): unknown {
  const kind = (byPlace[`${owner}.${key}`] ?? byName[key])?.[0];
  if (key === "address") return `new@${own.domainName[0]}`;
  if (kind !== undefined) return own[kind][0];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (key === "password") return "correct horse battery";
  if (key === "rule") return probeRule;
  return key === "pattern" ? "192.0.2.77" : "probe";
}

/** A document that selects all that an operation shows, three objects deep. */
function documentOf(kind: "query" | "mutation", field: GraphQLField<unknown, unknown>): { readonly query: string } {
  const declared = field.args.map((arg) => `$${arg.name}: ${arg.type}`).join(", ");
  const given = field.args.map((arg) => `${arg.name}: $${arg.name}`).join(", ");
  const args = field.args.length === 0 ? "" : `(${given})`;
  return {
    query: `${kind}${declared === "" ? "" : `(${declared})`} { ${field.name}${args} ${selectionOf(field.type, 3)} }`,
  };
}

function selectionOf(type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type);
  if (isScalarType(named) || isEnumType(named)) return "";
  const parts = ["__typename"];
  if (isObjectType(named) || isInterfaceType(named)) {
    for (const field of Object.values(named.getFields())) {
      if (field.args.some((arg) => isNonNullType(arg.type)) || field.name === "edges") continue;
      const inner = getNamedType(field.type);
      if (isScalarType(inner) || isEnumType(inner)) parts.push(field.name);
      else if (depth > 0) {
        const paged = field.args.some((arg) => arg.name === "first") ? "(first: 2)" : "";
        parts.push(`${field.name}${paged} ${selectionOf(field.type, depth - 1)}`);
      }
    }
  }
  return `{ ${parts.join(" ")} }`;
}
