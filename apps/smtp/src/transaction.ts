import type { MessageId, TenantId } from "@mailfold/kernel";
import type { Facts } from "@mailfold/policy";
import type { Judged } from "./judge.ts";
import type { ShadowTime } from "./shadow/shadow-time.ts";

/** One mail transaction between MAIL and the end of DATA (RFC 5321 3.3). */
export interface Transaction {
  readonly id: MessageId;
  readonly sender: NonNullable<Facts["sender"]>;
  readonly senderOwner: Facts["senderOwner"];
  readonly smtpUtf8: boolean;
  readonly eightBit: boolean;
  /** Recipients answered 250, by canonical address. */
  readonly recipients: Map<string, Judged>;
  readonly shadowTime: ShadowTime;
  /** Tenant that relay recipients so far are relayed for. */
  relayTenant: TenantId | undefined;
  /** Recipients refused so far. */
  refused: number;
}
