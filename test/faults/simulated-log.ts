import type { EventStore } from "@mailfold/event-store";
import {
  markTold,
  readingTold,
  type ToldEvent,
  type ToldTenant,
  type ToldVerdict,
  tenantEvents,
  verdictTold,
} from "../../apps/mailfold/src/reputation/reputation-test-world.ts";
import type { Evidence } from "../../libs/reputation/src/index.ts";
import { simulatedTenants, type WorldSize } from "../../libs/reputation/src/simulated-cast-test-world.ts";
import { playWorld } from "../../libs/reputation/src/simulated-mail-test-world.ts";

const tenants = new Map<string, ToldTenant>(
  simulatedTenants.map(({ tenantId, resellerId, createdAt, mailboxes }) => [
    tenantId,
    { tenantId, resellerId, createdAt, mailboxes },
  ]),
);

/** What a reader is called in the events; `mbx_ten_03_2` is tenant 3's mailbox number 2. */
const readerOf = (mailboxId: string): number => Number(mailboxId.slice(mailboxId.lastIndexOf("_") + 1));

/**
 * The simulated mail of libs/reputation as the log of a platform: verdicts and marks, in the order of time.
 */
export function simulatedLog(
  seed: number,
  size: WorldSize,
): { readonly told: readonly ToldEvent[]; readonly endAt: number } {
  const told: ToldEvent[] = [...tenants.values()].flatMap((tenant) => [...tenantEvents(tenant)]);
  let taken: ToldVerdict | undefined;
  const flush = (): void => {
    if (taken) told.push(verdictTold(taken));
    taken = undefined;
  };
  const { endAt } = playWorld(size, seed, (evidence) => {
    const verdict = verdictOf(evidence);
    // One verdict takes a mail and says that it is junk: the fold is told in two steps.
    if (evidence.kind === "contentSpam" && taken !== undefined && taken.key === verdict?.key) {
      taken = { ...taken, reason: "spam-junk", action: "junk" };
      return;
    }
    flush();
    if (evidence.kind === "accepted") taken = verdict;
    else if (verdict) told.push(verdictTold(verdict));
    else if (evidence.kind === "userSpam" || evidence.kind === "userNotSpam") told.push(markOf(evidence));
    else told.push(readingOf(evidence));
  });
  flush();
  return { told, endAt };
}

function tenantOf({ tenant }: Evidence): ToldTenant {
  const known = tenants.get(tenant.tenantId);
  if (known === undefined) throw new Error(`no tenant ${tenant.tenantId}`);
  return known;
}

function verdictOf(evidence: Evidence): ToldVerdict | undefined {
  const { alignedDomain: domain, at, causedBy, id, kind, message, peer } = evidence;
  const base = { tenant: tenantOf(evidence), at, ip: peer.ip, domain };
  const key = message?.key ?? id;
  if (causedBy !== undefined) return { ...base, key: id, reason: "learned-ip", action: "reject" };
  switch (kind) {
    case "accepted":
      return { ...base, key, reason: "accepted" };
    case "contentSpam":
      return message?.taken
        ? { ...base, key, reason: "spam-junk", action: "junk" }
        : { ...base, key, reason: "spam-rejected", action: "reject" };
    case "trap":
      return { ...base, key: id, reason: "recipient-spam-trap", action: "reject" };
    case "unknownRecipient":
      return { ...base, key: id, reason: "recipient-unknown", action: "reject" };
    default:
      return undefined;
  }
}

function markOf(evidence: Evidence): ToldEvent {
  const { at, kind, message, reporter = "" } = evidence;
  const mark = kind === "userSpam" ? "spam" : "notSpam";
  return markTold({ key: message?.key ?? "", tenant: tenantOf(evidence), at, reader: readerOf(reporter), mark });
}

function readingOf(evidence: Evidence): ToldEvent {
  const { at, kind, message, reporter = "" } = evidence;
  const answers = kind === "replied";
  return readingTold({ key: message?.key ?? "", tenant: tenantOf(evidence), at, reader: readerOf(reporter), answers });
}

const appendsMax = 200;

/** Appends events in their order, many at once. */
export async function tellAll(events: Pick<EventStore, "append">, told: readonly ToldEvent[]): Promise<void> {
  for (let at = 0; at < told.length; at += appendsMax) {
    const appends = told
      .slice(at, at + appendsMax)
      .map(({ event, stream }) => ({ stream, expected: "any" as const, events: [event] }));
    const result = await events.append(appends);
    if (!result.ok) throw new Error("an append at any revision was refused");
  }
}
