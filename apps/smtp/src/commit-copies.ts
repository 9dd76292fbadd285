import type { MessageDelivered, MessageHeld } from "@mailfold/events";
import { idFromUuid, uuidV5 } from "@mailfold/ids";
import type { VerdictId } from "@mailfold/kernel";
import type { DomainFact, RecipientFact, Verdict } from "@mailfold/policy";
import type { Judged } from "./judge.ts";

/** Relayed recipients in groups that get the same message. */
export function alike(relayed: readonly Judged[]): Iterable<readonly Judged[]> {
  const groups = new Map<string, Judged[]>();
  for (const judged of relayed) {
    const { headers, subjectTag } = (judged.verdict.delivery ?? {}) as NonNullable<Verdict["delivery"]>;
    const key = JSON.stringify([headers, subjectTag]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [judged]);
    else group.push(judged);
  }
  return groups.values();
}

type Target = Extract<RecipientFact, { readonly kind: "local" }>["targets"][number];

/** One mailbox's copy of a message. */
export interface Copy {
  readonly judged: Judged;
  readonly verdictId: VerdictId;
  readonly target: Target;
  readonly owner: DomainFact;
}

export type HoldKind = MessageHeld["data"]["kind"];

/**
 * Why a copy is held instead of delivered. An alias's suspended or full mailbox does not stop the others' copies, and its
 * own is not lost.
 */
export function holdKind(
  { verdict }: Judged,
  target: { readonly suspended: boolean; readonly overQuota: boolean },
): HoldKind | undefined {
  if (verdict.action === "defer") return "deferred";
  if (verdict.action === "discard") return "discarded";
  if (verdict.action === "reject" || verdict.action === "quarantine" || target.suspended) return "quarantined";
  return target.overQuota ? "deferred" : undefined;
}

/** A rule's folder: made with the delivery when the mailbox has none of that name. */
export function namedFolder(name: string, deliveryId: string): MessageDelivered["data"]["folder"] {
  return { name, folderId: idFromUuid("folder", uuidV5(deliveryId, "folder")) };
}
