import { streams } from "@mailfold/events";
import type { Journal } from "@mailfold/journal";
import type { Clock, NewEvent, Sealer } from "@mailfold/kernel";
import type { PasswordPool } from "@mailfold/passwords";
import type { Directory, MailboxRecord } from "@mailfold/projection-directory";
import type { AuthAttempt, Authenticator, AuthOutcome } from "@mailfold/sasl";
import type { Logger, Metrics } from "@mailfold/telemetry";
import { createLoginLimits } from "./login-limits.ts";

export interface AuthenticatorDeps {
  readonly directory: Directory;
  readonly sealer: Sealer;
  readonly passwords: PasswordPool;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly uuid: () => string;
  /** Failed logins of an address, over all protocols; too many, and it is denied. */
  readonly abuse: {
    readonly loginFailed: (ip: string, protocol: string) => void;
    readonly deniedForSeconds: (ip: string) => number | undefined;
  };
  /** False while the directory catches up: logins are put off, not refused. */
  readonly ready: () => boolean;
}

const minute = 60_000;
/** Per account over all IPs; a success forgives it. What one IP may try is the setting authFailureLimit. */
const accountLimit = { failuresMax: 50, windowMs: 10 * minute, keysMax: 50_000 };
/** A client that logs in every minute is one record in ten minutes, not ten. */
const signInRecordEveryMs = 10 * minute;
const signInKeysMax = 50_000;

/** Checks logins of every protocol. Limits are shared by all of them; unknown names cost as much work as known ones. */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const byAccount = createLoginLimits(accountLimit);
  const record = createSignInRecorder(deps);

  async function decide(attempt: AuthAttempt, login: string): Promise<AuthOutcome> {
    const now = deps.clock.now();
    const blockedSeconds = deps.abuse.deniedForSeconds(attempt.ip) ?? byAccount.blockedFor(login, now);
    if (blockedSeconds !== undefined) return { ok: false, cause: "throttled", retryAfterSeconds: blockedSeconds };
    if (!deps.ready()) return { ok: false, cause: "unavailable" };
    const mailbox = deps.directory.mailboxByAddress(login);
    const phc = mailbox === undefined ? undefined : deps.sealer.open(mailbox.verifier);
    const right =
      phc === undefined
        ? await deps.passwords.verifyNothing(attempt.password, login)
        : await deps.passwords.verify(phc, attempt.password);
    if (mailbox === undefined || !right) {
      deps.abuse.loginFailed(attempt.ip, attempt.protocol);
      byAccount.failed(login, now);
      if (mailbox !== undefined) record(mailbox, attempt, "bad-credentials");
      return { ok: false, cause: "bad-credentials" };
    }
    byAccount.forgive(login);
    const tenant = deps.directory.tenant(mailbox.tenantId);
    if (mailbox.status !== "active" || tenant === undefined || tenant.switches.login) {
      record(mailbox, attempt, "suspended");
      return { ok: false, cause: "suspended" };
    }
    record(mailbox, attempt, undefined);
    const { mailboxId, tenantId, resellerId, domainId, address, quotaBytes } = mailbox;
    return { ok: true, account: { mailboxId, tenantId, resellerId, domainId, address, quotaBytes } };
  }

  return {
    async authenticate(attempt) {
      const login = attempt.login.trim().toLowerCase();
      let outcome: AuthOutcome;
      try {
        outcome = await decide(attempt, login);
      } catch (error) {
        deps.log.warn({ err: error, protocol: attempt.protocol }, "a login could not be checked");
        outcome = { ok: false, cause: "unavailable" };
      }
      deps.metrics.authentications.inc({ protocol: attempt.protocol, outcome: outcome.ok ? "ok" : outcome.cause });
      return outcome;
    },
  };
}

/** Appends SignedIn and SignInFailed beside the login, never in its way; repeats within ten minutes are one record. */
function createSignInRecorder(
  deps: AuthenticatorDeps,
): (mailbox: MailboxRecord, attempt: AuthAttempt, cause: string | undefined) => void {
  const lastAt = new Map<string, number>();
  return (mailbox, attempt, cause) => {
    const now = deps.clock.now();
    const { mailboxId, tenantId, resellerId } = mailbox;
    const { protocol, ip, mechanism, sessionId } = attempt;
    const key = `${mailboxId} ${protocol} ${ip} ${cause ?? "ok"}`;
    if (now - (lastAt.get(key) ?? Number.NEGATIVE_INFINITY) < signInRecordEveryMs) return;
    lastAt.delete(key);
    if (lastAt.size >= signInKeysMax) lastAt.delete(lastAt.keys().next().value ?? "");
    lastAt.set(key, now);
    const event: NewEvent = {
      id: deps.uuid(),
      type: cause === undefined ? "SignedIn" : "SignInFailed",
      data: { mailboxId, protocol, ip, mechanism, ...(cause === undefined ? {} : { cause }) },
      metadata: {
        tenantId,
        resellerId,
        actor: { type: "mailbox", id: mailboxId },
        context: { ip, protocol, sessionId },
      },
      occurredAt: now,
    };
    const append = { stream: streams.signin(mailboxId, now), expected: "any", events: [event] } as const;
    deps.journal
      .commit({ appends: [append] })
      .catch((error: unknown) => deps.log.warn({ err: error }, "a sign-in could not be recorded"));
  };
}
