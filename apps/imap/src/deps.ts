import type { Journal } from "@mailfold/journal";
import type { Clock, FolderId } from "@mailfold/kernel";
import type { MimePool } from "@mailfold/mime";
import type { PolicySource } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import type { FolderOutcome, MailboxState } from "@mailfold/projection-folders";
import type { FoldRunner } from "@mailfold/read-store";
import type { Authenticator } from "@mailfold/sasl";
import type { Logger, Metrics } from "@mailfold/telemetry";
import type { TlsContextProvider } from "@mailfold/tls";

/** What the IMAP front end needs of the rest of the platform. */
export interface ImapDeps {
  readonly journal: Pick<Journal, "commit" | "bodies"> & {
    readonly events: Pick<Journal["events"], "appendsAtomically">;
  };
  readonly folds: FoldRunner<MailboxState, FolderOutcome>;
  readonly authenticator: Authenticator;
  readonly mime: MimePool;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, "imapCommands" | "connections" | "marks">;
  readonly clock: Clock;
  readonly ids: { newId(kind: "folder"): FolderId; uuidV7(): string };
  readonly tls: Pick<TlsContextProvider, "current">;
  /** Banner, requireTlsForAuth, authMechanisms, size limit. */
  readonly policy: PolicySource;
  /** Asked again while sessions last: a suspended or deleted account loses them within seconds. */
  readonly directory: Pick<Directory, "mailbox" | "tenant">;
  /** Whether an address is denied for abuse now; nobody is when absent. */
  readonly isDenied?: (ip: string) => boolean;
  /** What a refused peer may quote to find out why: `evt_...` of the denial. */
  readonly denialReference?: (ip: string) => string | undefined;
  /** False while views catch up: logins are put off, not refused. */
  readonly readiness: () => boolean;
}

/** Where to listen; a port of 0 picks a free one, an absent port opens none. */
export interface ImapConfig {
  readonly host: string;
  /** Name in greetings. */
  readonly hostname: string;
  readonly ports: { readonly imap?: number; readonly imaps?: number };
  /** CIDRs whose PROXY v1 header is required and believed. */
  readonly trustedProxies: readonly string[];
  readonly limits?: Partial<ImapLimits>;
}

export interface ImapLimits {
  readonly connectionsMax: number;
  readonly connectionsPerIpMax: number;
  /** From connect to a successful login. */
  readonly loginTimeoutMs: number;
  /** RFC 3501 section 5.4: at least 30 minutes. */
  readonly autologoutMs: number;
  /** Between two pieces of one command. */
  readonly commandReadTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly lineBytesBeforeLoginMax: number;
  readonly lineBytesMax: number;
  readonly literalBytesBeforeLoginMax: number;
  /** Of literals other than APPEND's message. */
  readonly literalBytesMax: number;
  /** LOGIN has two. */
  readonly literalsBeforeLoginMax: number;
  readonly literalsMax: number;
  readonly badCommandsBeforeLoginMax: number;
  /** In a row, after login. */
  readonly badCommandsMax: number;
  readonly authFailuresMax: number;
  /** Wait before a failed login's answer; grows with each failure. */
  readonly authFailureDelayMs: number;
  /** Octets of all sessions' literals in memory. */
  readonly literalBudgetBytes: number;
  readonly searchTimeoutMs: number;
  /** Octets one SEARCH may read. */
  readonly searchBytesMax: number;
  /** Until a committed event must be visible in the fold. */
  readonly foldTimeoutMs: number;
  readonly proxyTimeoutMs: number;
  readonly tlsHandshakeTimeoutMs: number;
  /** How often accounts with open sessions are checked again. */
  readonly accountCheckMs: number;
  /** Distinct keywords in one folder (SELECT lists them all). */
  readonly keywordsMax: number;
}

export const defaultImapLimits: ImapLimits = {
  connectionsMax: 20_000,
  connectionsPerIpMax: 100,
  loginTimeoutMs: 180_000,
  autologoutMs: 1_800_000,
  commandReadTimeoutMs: 120_000,
  writeTimeoutMs: 30_000,
  lineBytesBeforeLoginMax: 8_192,
  lineBytesMax: 65_536,
  literalBytesBeforeLoginMax: 4_096,
  literalBytesMax: 65_536,
  literalsBeforeLoginMax: 4,
  literalsMax: 64,
  badCommandsBeforeLoginMax: 3,
  badCommandsMax: 20,
  authFailuresMax: 3,
  authFailureDelayMs: 1_000,
  literalBudgetBytes: 268_435_456,
  searchTimeoutMs: 30_000,
  searchBytesMax: 1_073_741_824,
  foldTimeoutMs: 10_000,
  proxyTimeoutMs: 5_000,
  tlsHandshakeTimeoutMs: 10_000,
  accountCheckMs: 2_000,
  keywordsMax: 500,
};
