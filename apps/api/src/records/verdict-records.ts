import type { Position, ResellerId, Row, TenantId } from "@mailfold/kernel";
import { reasons } from "@mailfold/policy";
import { hiddenScope } from "../explain/mask-facts.ts";

/** A verdict as the message trace keeps it. */
export interface VerdictRecord {
  readonly verdictId: string;
  readonly transactionId: string;
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly phase: string;
  readonly sender: string | null;
  readonly recipient: string | null;
  readonly ip: string | null;
  readonly action: string;
  readonly reason: string;
  readonly code: number;
  readonly enhancedCode: string;
  readonly text: string;
  readonly scope: string;
  readonly policyEvent: string | null;
  readonly subject: string | null;
  readonly messageId: string | null;
  readonly sizeBytes: number | null;
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
}

const optionalText = (value: unknown) => (typeof value === "string" ? value : null);

/** Where a row belongs. */
export function belongingOfRow(row: Row): { readonly tenantId?: TenantId; readonly resellerId?: ResellerId } {
  return {
    ...(typeof row.tenantId === "string" ? { tenantId: row.tenantId as TenantId } : {}),
    ...(typeof row.resellerId === "string" ? { resellerId: row.resellerId as ResellerId } : {}),
  };
}

/** A row of the trace's table `verdicts`. */
export function verdictOfRow(row: Row): VerdictRecord {
  return {
    verdictId: String(row.verdictId),
    transactionId: String(row.transactionId),
    ...belongingOfRow(row),
    at: Number(row.at),
    phase: String(row.phase),
    sender: optionalText(row.sender),
    recipient: optionalText(row.recipient),
    ip: optionalText(row.ip),
    action: String(row.action),
    reason: String(row.reason),
    code: Number(row.code),
    enhancedCode: String(row.enhancedCode),
    text: String(row.text),
    scope: String(row.scope),
    policyEvent: optionalText(row.policyEvent),
    subject: optionalText(row.subject),
    messageId: optionalText(row.messageId),
    sizeBytes: typeof row.sizeBytes === "number" ? row.sizeBytes : null,
    stream: String(row.stream),
    revision: Number(row.revision),
    position: String(row.position) as Position,
  };
}

/**
 * A verdict of another's recipient as the sender's tenant may know it: what its user was told. That a copy was junked, held or
 * discarded is no more told than the reply told it, and reasons that read alike to the peer are one.
 */
export function verdictToldToSender(row: Row): VerdictRecord {
  const { resellerId: _theirs, tenantId: _tenant, ...record } = verdictOfRow(row);
  const action = record.code < 400 ? "accept" : record.code < 500 ? "defer" : "reject";
  return { ...record, action, reason: toldReason(record), scope: hiddenScope, policyEvent: null };
}

function toldReason({ code, enhancedCode, reason, text }: VerdictRecord): string {
  if (code < 400) return "accepted";
  const alike = Object.entries(reasons).find(([, known]) => {
    return known.code === code && known.enhancedCode === enhancedCode && known.text === text;
  });
  return alike?.[0] ?? reason;
}
