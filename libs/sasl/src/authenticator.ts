import type { DomainId, MailboxId, ResellerId, TenantId } from "@mailfold/kernel";

/** Who a successful login is. */
export interface Account {
  readonly mailboxId: MailboxId;
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly domainId: DomainId;
  readonly address: string;
  readonly quotaBytes: number;
}

export type AuthOutcome =
  | { readonly ok: true; readonly account: Account }
  | {
      readonly ok: false;
      readonly cause: "bad-credentials" | "suspended" | "throttled" | "unavailable";
      readonly retryAfterSeconds?: number;
    };

export interface AuthAttempt {
  readonly login: string;
  readonly password: string;
  readonly protocol: "submission" | "imap" | "pop3" | "http";
  readonly mechanism: string;
  readonly ip: string;
  readonly tls: boolean;
  readonly sessionId: string;
}

/** Checks a login. Equal work for unknown users; records sign-ins; shares limits over all protocols. */
export interface Authenticator {
  authenticate(attempt: AuthAttempt): Promise<AuthOutcome>;
}
