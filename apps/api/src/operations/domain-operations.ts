import { type DomainAdded, type MailDomainCommand, mailDomain, parseDomainName } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { RecordedEvent, TenantId } from "@mailfold/kernel";
import type { DomainRecord } from "@mailfold/projection-directory";
import type { Caller } from "../caller.ts";
import { toAsciiDomain } from "./host-name.ts";
import type { DomainRemoveInput } from "./operation-inputs.ts";
import type { CommandSpec, OperationKit } from "./operation-kit.ts";
import { notFound, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { isPublicSuffix } from "./public-suffix.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { requireScope } from "./tenant-operations.ts";

const countPage = 1_000;
const countMax = 100_000;

type DomainOperations = Pick<Operations, "domainAdd" | "domainVerify" | "domainRemove">;

/** Domains of tenants: claimed, proven, given back. */
export function createDomainOperations(kit: OperationKit): DomainOperations {
  const { directory } = kit.deps;
  return {
    domainAdd: (caller, input) =>
      kit.execute({
        caller,
        operation: "domainAdd",
        input,
        prepare(identity) {
          const tenant = kit.view(caller).tenant(input.tenantId);
          if (tenant === undefined) return notFound("tenantId");
          const parsed = parseDomainName(toAsciiDomain(input.name));
          if ("refused" in parsed) return refused({ ...parsed.refused, path: ["name"] });
          const { name } = parsed;
          const { tenantId, resellerId } = tenant;
          const verificationValue = verificationValueOf(kit, tenantId, name);
          const stream = streams.domain(name);
          return {
            belonging: { tenantId, resellerId },
            streams: [stream],
            async plan(load) {
              const loaded = await load(mailDomain, stream);
              const { claim } = loaded.state;
              // Only a claim that could yield is worth asking the DNS about.
              const contested = claim !== undefined && !claim.verified && claim.tenantId !== tenantId;
              const proven = contested && (await isProvenByDns(kit, name, verificationValue));
              return planOf(
                decideOn(mailDomain, loaded, {
                  type: "AddDomain",
                  domainId: identity.objectId("domain"),
                  tenantId,
                  name,
                  verificationValue,
                  facts: {
                    tenantExists: true,
                    publicSuffix: isPublicSuffix(name),
                    underOtherTenant: liesUnderOther(kit, tenantId, name),
                    ...(claim === undefined ? {} : { claimAgeMs: claimAge(loaded.events, kit.deps.clock.now()) }),
                    ...(proven ? { proof: "dns" as const } : {}),
                  },
                }),
              );
            },
            value: () => ownDomainByName(kit, tenantId, name),
          };
        },
      }),

    async domainVerify(caller, input) {
      const method = input.method ?? "dns";
      if (method === "platform") requireScope(caller, "platform");
      const decide = async (domain: DomainRecord): Promise<MailDomainCommand> => {
        const { domainId, name, verificationValue } = domain;
        const proven = method === "platform" || (await isProvenByDns(kit, name, verificationValue));
        return { type: "VerifyDomain", domainId, method, proven };
      };
      return changeDomain(kit, { caller, operation: "domainVerify", input, decide });
    },

    domainRemove: (caller, input) =>
      changeDomain(kit, {
        caller,
        operation: "domainRemove",
        input,
        gone: { category: "domain", value: (events) => removedDomain(kit, events, input.domainId) },
        decide: async (domain) => ({
          type: "RemoveDomain",
          domainId: domain.domainId,
          addressesInUse: directory.domain(domain.domainId) === undefined ? 0 : countAddresses(kit, domain),
        }),
      }),
  };
}

function changeDomain(
  kit: OperationKit,
  change: {
    readonly caller: Caller;
    readonly operation: string;
    readonly input: DomainRemoveInput;
    readonly gone?: NonNullable<CommandSpec<DomainRemoveInput, DomainRecord>["gone"]>;
    decide(domain: DomainRecord): Promise<MailDomainCommand>;
  },
): Promise<OperationOutcome<DomainRecord>> {
  const { caller, operation, input, gone } = change;
  return kit.execute({
    caller,
    operation,
    input,
    ...(gone === undefined ? {} : { gone }),
    prepare() {
      const domain = kit.view(caller).domain(input.domainId);
      if (domain === undefined) return notFound("domainId");
      const { domainId, tenantId, resellerId, name } = domain;
      return {
        belonging: { tenantId, resellerId },
        streams: [streams.domain(name)],
        async plan(load) {
          const loaded = await load(mailDomain, streams.domain(name));
          return planOf(decideOn(mailDomain, loaded, await change.decide(domain)));
        },
        value: () => kit.deps.directory.domain(domainId) ?? domain,
      };
    },
  });
}

/** A removed domain as it was, for the retry of its removal. */
function removedDomain(
  kit: OperationKit,
  events: readonly RecordedEvent[],
  domainId: string,
): DomainRecord | undefined {
  const own = events.filter((event) => (event.data as { readonly domainId: string }).domainId === domainId);
  const added = own.find((event) => event.type === "DomainAdded");
  if (added === undefined) return undefined;
  const data = added.data as DomainAdded["data"];
  const resellerId = kit.deps.directory.tenant(data.tenantId)?.resellerId;
  const verified = own.some((event) => event.type === "DomainVerified");
  return resellerId === undefined ? undefined : { ...data, resellerId, verified, addedAt: added.occurredAt };
}

/** What the tenant's TXT record must hold: the same each time, so that it can be published before the name is added. */
function verificationValueOf(kit: OperationKit, tenantId: TenantId, name: string): string {
  return `mailfold-verify=${kit.deps.sealer.blindIndex("domain-verification", `${tenantId} ${name}`).slice(0, 40)}`;
}

async function isProvenByDns(kit: OperationKit, name: string, value: string): Promise<boolean> {
  const answer = await kit.deps.resolver.txt(`_mailfold.${name}`);
  return answer.status === "found" && answer.records.some((record) => record.trim() === value);
}

/** Whether a parent of the name is another tenant's proven domain. */
function liesUnderOther(kit: OperationKit, tenantId: TenantId, name: string): boolean {
  const labels = name.split(".");
  for (let index = 1; index < labels.length - 1; index += 1) {
    const parent = kit.deps.directory.domainByName(labels.slice(index).join("."));
    if (parent?.verified && parent.tenantId !== tenantId) return true;
  }
  return false;
}

function claimAge(events: readonly RecordedEvent[], now: number): number {
  const added = events.findLast((event) => event.type === "DomainAdded");
  return added === undefined ? 0 : Math.max(0, now - added.occurredAt);
}

function ownDomainByName(kit: OperationKit, tenantId: TenantId, name: string): DomainRecord | undefined {
  const domain = kit.deps.directory.domainByName(name);
  return domain?.tenantId === tenantId ? domain : undefined;
}

/** Live mailboxes and aliases of a domain. */
function countAddresses(kit: OperationKit, { tenantId, domainId }: DomainRecord): number {
  const { directory } = kit.deps;
  const mailboxes = countPages(
    (page) => directory.mailboxes({ tenantId, domainId }, page),
    (mailbox) => mailbox.mailboxId,
    (mailbox) => mailbox.status !== "deleted",
  );
  const aliases = countPages(
    (page) => directory.aliases({ tenantId }, page),
    (alias) => alias.aliasId,
    (alias) => alias.domainId === domainId,
  );
  return mailboxes + aliases;
}

function countPages<R>(
  read: (page: { readonly first: number; readonly after?: string }) => readonly R[],
  idOf: (row: R) => string,
  counts: (row: R) => boolean,
): number {
  let count = 0;
  let after: string | undefined;
  for (let seen = 0; seen < countMax; seen += countPage) {
    const rows = read(after === undefined ? { first: countPage } : { first: countPage, after });
    count += rows.filter(counts).length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < countPage) break;
    after = idOf(last);
  }
  return count;
}
