import { type MailDomainState, mailDomain, unverifiedClaimMs } from "@mailfold/domain";
import { type EventStore, readWholeStream } from "@mailfold/event-store";
import { streams } from "@mailfold/events";
import { uuidV7 } from "@mailfold/ids";
import type { Clock, DomainId, RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import { directoryProjection } from "@mailfold/projection-directory";
import type { ReadStore } from "@mailfold/read-store";

export interface LapseClaimsDeps {
  readonly events: EventStore;
  readonly rows: Pick<ReadStore, "selectAsync">;
  readonly clock: Clock;
}

/** Most claims ended in one go; the next round takes the rest. */
const claimsMax = 1_000;

/**
 * Ends claims on domains that were not verified within 14 days. Another node, or a proof that arrives meanwhile, wins: the
 * append is at the revision that was read. Answers how many claims lapsed.
 */
export async function lapseDomainClaims({ events, rows, clock }: LapseClaimsDeps): Promise<number> {
  const now = clock.now();
  const due = await rows.selectAsync(directoryProjection, "domains", {
    where: { status: "active", verified: 0 },
    and: [["addedAt", "<=", now - unverifiedClaimMs]],
    limit: claimsMax,
  });
  let lapsed = 0;
  for (const row of due) {
    const stream = streams.domain(String(row.name));
    const history = await readWholeStream(events, stream);
    const state = history.reduce<MailDomainState>(
      (folded, event) => mailDomain.evolve(folded, event as never),
      mailDomain.initialState,
    );
    const claimAgeMs = now - (addedAt(history) ?? now);
    const domainId = row.domainId as DomainId;
    const decided = mailDomain.decide({ type: "LapseDomainClaim", domainId, claimAgeMs }, state);
    if ("refused" in decided || decided.events.length === 0) continue;
    const metadata = { ...belongingOf(row), actor: { type: "system", id: "claims" } } as const;
    const result = await events.append({
      stream,
      expected: history.at(-1)?.revision ?? "none",
      events: decided.events.map((event) => ({ id: uuidV7(), ...event, metadata, occurredAt: now })),
    });
    if (result.ok) lapsed += 1;
  }
  return lapsed;
}

function addedAt(history: readonly RecordedEvent[]): number | undefined {
  return history.findLast((event) => event.type === "DomainAdded")?.occurredAt;
}

function belongingOf(row: Readonly<Record<string, unknown>>) {
  const { tenantId, resellerId } = row;
  return {
    tenantId: tenantId as TenantId,
    ...(typeof resellerId === "string" ? { resellerId: resellerId as ResellerId } : {}),
  };
}
