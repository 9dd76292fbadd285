import { type ListingScope, type ListingSubject, pardon, scopeId } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { idFromUuid, parseId, uuidFromId } from "@mailfold/ids";
import type { PardonId, Position } from "@mailfold/kernel";
import { listings, type PardonRow } from "@mailfold/projection-listings";
import type { Caller } from "../caller.ts";
import { heldBecauseOf, isEvidenceOf } from "../records/listing-evidence.ts";
import { createListings, isInForce, type ListingRecord } from "../records/listings.ts";
import { parseSubject } from "./listing-subject.ts";
import type { SenderPardonInput } from "./operation-inputs.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, notFound, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Operations, PardonedSender, Redelivery } from "./operations.ts";
import { parseDuration } from "./parse-duration.ts";
import { placeScope, placeStoredScope } from "./placed-scope.ts";
import type { PlacedScope } from "./policy-records.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";

type PardonOperations = Pick<Operations, "senderPardon" | "senderPardonLift">;
type Release = Operations["quarantineRelease"];

const defaultLengthMs = 30 * 86_400_000;
const viewTimeoutMs = 2_000;
/** Copies redelivered with one pardon: as many as one release takes. */
const redeliveredMax = 100;

/** Pardons of senders that stand, or might come to stand, on a learned blacklist. */
export function createPardonOperations(kit: OperationKit, release: Release): PardonOperations {
  return {
    async senderPardon(caller, input) {
      const granted = await grant(kit, caller, input);
      const { value, errors, receipt } = granted;
      if (value === undefined || errors.length > 0 || receipt === undefined) return granted;
      const shown = { ...value, pardon: await settled(kit, caller, value.pardon, receipt) };
      if (input.redeliver !== true) return { ...granted, value: shown };
      return { ...granted, value: { ...shown, redelivery: await redeliver(kit, { caller, input, release }, value) } };
    },
    async senderPardonLift(caller, input) {
      const outcome = await kit.execute<typeof input, PardonedSender>({
        caller,
        operation: "senderPardonLift",
        input,
        prepare() {
          const found = createListings(kit.deps.rows, caller).findPardon(input.pardonId);
          const placed = found && placeStoredScope(kit.view(caller), caller, found.scope);
          if (found === undefined || placed === undefined || found.subject === null) return notFound("pardonId");
          const { pardonId, scope, subject } = found;
          const stream = streamOf(kit, scope, subject);
          return {
            belonging: placed,
            streams: [stream],
            async plan(load) {
              const at = kit.deps.clock.now();
              const command = { type: "LiftPardon" as const, pardonId, at, ...optional("reason", input.reason) };
              return planOf(decideOn(pardon, await load(pardon, stream), command));
            },
            value: () => {
              const by = caller.tokenId;
              return { pardon: { ...found, current: false, lifted: { at: kit.deps.clock.now(), by } } };
            },
          };
        },
      });
      if (outcome.value === undefined || outcome.receipt === undefined) return outcome;
      return { ...outcome, value: { pardon: await settled(kit, caller, outcome.value.pardon, outcome.receipt) } };
    },
  };
}

function streamOf({ deps }: OperationKit, scope: ListingScope, { kind, value }: ListingSubject): string {
  return streams.pardon(scopeId(scope), deps.sealer.blindIndex("listing", `${kind}:${value}`));
}

/** The pardon as the view has it, once it has passed the command; as it was decided until then. */
async function settled(
  { deps }: OperationKit,
  caller: Caller,
  decided: PardonRow,
  receipt: { readonly position: Position; readonly dryRun: boolean },
): Promise<PardonRow> {
  if (receipt.dryRun) return decided;
  await deps.rows.waitFor(receipt.position, { projections: [listings.name], timeoutMs: viewTimeoutMs });
  return createListings(deps.rows, caller).findPardon(decided.pardonId) ?? decided;
}

/** Whose list, and who on it. */
interface PardonTarget {
  readonly placed: PlacedScope;
  readonly scope: ListingScope;
  readonly subject: ListingSubject;
  /** The newest listing of that sender in that scope. */
  readonly listing: ListingRecord | undefined;
}

function grant(kit: OperationKit, caller: Caller, input: SenderPardonInput): Promise<OperationOutcome<PardonedSender>> {
  return kit.execute({
    caller,
    operation: "senderPardon",
    input,
    async prepare(identity) {
      const target = await targetOf(kit, caller, input);
      if ("errors" in target) return target;
      const { placed, scope, subject, listing } = target;
      const until = untilOf(input, kit.deps.clock.now());
      if (typeof until !== "number") return until;
      const stream = streamOf(kit, scope, subject);
      const voidEvidence = (input.voidEvidence ?? []).map((id) => ({ id, eventId: eventIdOf(id) }));
      const isKnown = (eventId: string) => isEvidenceOf(kit.deps.rows, scope, { eventId, listing });
      const unknown = voidEvidence.filter(({ eventId }) => eventId === undefined || !isKnown(eventId));
      let pardonId: PardonId = identity.objectId("pardon");
      const at = kit.deps.clock.now();
      const wanted = {
        scope,
        subject,
        until,
        ...optional("reason", input.reason),
        ...(input.redeliver === true ? { redeliver: true } : {}),
      };
      const voided = voidEvidence.flatMap(({ eventId }) => eventId ?? []);
      return {
        belonging: placed,
        streams: [stream],
        async plan(load) {
          const loaded = await load(pardon, stream);
          const facts = { at, scopeExists: true, unknownEvidence: unknown.map(({ id }) => id) };
          const command = { type: "PardonSender" as const, pardonId, voidEvidence: voided, ...wanted, facts };
          const decided = decideOn(pardon, loaded, command);
          // The same again is the pardon that stands.
          if ("write" in decided && decided.write.events.length === 0)
            pardonId = loaded.state.pardon?.pardonId ?? pardonId;
          return planOf(decided);
        },
        value: () => ({
          pardon: {
            pardonId,
            ...wanted,
            ...(placed.tenantId === undefined ? {} : { tenantId: placed.tenantId }),
            ...(placed.resellerId === undefined ? {} : { resellerId: placed.resellerId }),
            voided,
            reason: input.reason ?? null,
            at,
            grantedBy: caller.tokenId,
            current: true,
          },
        }),
      };
    },
  });
}

const eventIdOf = (id: string): string | undefined => {
  const parsed = parseId("event", id);
  return parsed && uuidFromId(parsed);
};

function untilOf({ until, forDuration }: SenderPardonInput, now: number): number | OperationOutcome<never> {
  if (typeof forDuration !== "string") return until ?? now + defaultLengthMs;
  if (typeof until === "number") return invalidInput("A pardon has until or forDuration, not both.", "forDuration");
  const lengthMs = parseDuration(forDuration);
  if (lengthMs !== undefined && lengthMs > 0) return now + lengthMs;
  return invalidInput("forDuration is weeks, days, hours and minutes as in P14D, PT12H or P1DT6H.", "forDuration");
}

async function targetOf(
  kit: OperationKit,
  caller: Caller,
  input: SenderPardonInput,
): Promise<PardonTarget | OperationOutcome<never>> {
  const { listingId, subject: text } = input;
  const placed = placeOf(kit, caller, input);
  if (placed !== undefined && "errors" in placed) return placed;
  const isById = typeof listingId === "string";
  if (isById === (typeof text === "string")) {
    return invalidInput("A pardon names exactly one of subject and listingId.", "subject");
  }
  if (isById) return targetById(kit, caller, { listingId, placed });
  if (placed === undefined) return invalidInput("A subject needs the scope whose list it is pardoned on.", "scope");
  const subject = parseSubject(text ?? "");
  if ("problem" in subject) return invalidInput(subject.problem, "subject");
  const { scope } = placed;
  const owner = scope.kind === "platform" ? ("platform" as const) : { tenantId: scope.id };
  const query = { owner, subject, includeEnded: true, first: 100, at: kit.deps.clock.now() };
  const { found } = await createListings(kit.deps.rows, caller).list(query);
  const own = found.find(({ place }) => place.part === "own")?.listing;
  const stops = found.find(({ listing }) => isInForce(listing, query.at))?.listing;
  // What stops its mail is the platform's listing alone: a pardon at this scope would change nothing.
  if (stops?.isForeign && (input.voidEvidence ?? []).length === 0) {
    return refused({ ...platformsListing, path: ["subject"] });
  }
  return { placed, scope, subject, listing: own };
}

type ListPlace = PlacedScope & { readonly scope: ListingScope };

/** Only the platform and tenants have lists of their own. */
function placeOf(
  kit: OperationKit,
  caller: Caller,
  input: SenderPardonInput,
): ListPlace | OperationOutcome<never> | undefined {
  if (input.scope === null || input.scope === undefined) return undefined;
  const placed = placeScope(kit.view(caller), caller, input.scope);
  if ("errors" in placed) return placed;
  const { scope } = placed;
  if (scope.kind === "platform" || scope.kind === "tenant") return { ...placed, scope };
  return invalidInput("Blacklists are learned for the platform and for tenants: name one of these.", "scope");
}

/** A tenant cannot take a sender off the platform's list. */
const platformsListing = {
  code: "LISTING_OF_PLATFORM",
  message:
    "This listing stands on the platform's list. For your own mail, accept the sender (senderEntryAdd), or do without that list (learning.use = false).",
  path: ["listingId"],
} as const;

function targetById(
  kit: OperationKit,
  caller: Caller,
  { listingId, placed }: { readonly listingId: string; readonly placed: ListPlace | undefined },
): PardonTarget | OperationOutcome<never> {
  const listing = createListings(kit.deps.rows, caller).find(listingId);
  if (listing === undefined || listing.subject === null) return notFound("listingId");
  if (listing.isForeign) return refused(platformsListing);
  const own = placeStoredScope(kit.view(caller), caller, listing.scope);
  if (own === undefined) return notFound("listingId");
  const { scope, subject } = listing;
  if (placed !== undefined && scopeId(placed.scope) !== scopeId(scope)) {
    return invalidInput("The listing is another scope's: leave scope out, or name its own.", "scope");
  }
  return { placed: own, scope, subject, listing };
}

/** Delivers what quarantine holds because of the sender's listings in this scope. */
async function redeliver(
  kit: OperationKit,
  { caller, input, release }: { readonly caller: Caller; readonly input: SenderPardonInput; readonly release: Release },
  { pardon: { scope, subject } }: PardonedSender,
): Promise<Redelivery> {
  const holdIds = await heldBecauseOf(kit.deps.rows, { scope, subject }, redeliveredMax);
  const ids = holdIds.slice(0, redeliveredMax).map((uuid) => idFromUuid("hold", uuid));
  const left = holdIds.length > redeliveredMax;
  if (ids.length === 0) return { released: 0, results: [], left };
  const { commandId, dryRun } = input;
  const { value: results = [] } = await release(caller, { ids, commandId, dryRun });
  return { released: results.filter(({ errors }) => errors.length === 0).length, results, left };
}
