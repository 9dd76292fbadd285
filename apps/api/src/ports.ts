import type { TlsOptions } from "node:tls";
import type { DnsResolver } from "@mailfold/dns";
import type { BodyRef } from "@mailfold/events";
import type { Journal } from "@mailfold/journal";
import type { Clock, MailboxId, MessageId, Position, RecordedEvent, Sealer, VerdictId } from "@mailfold/kernel";
import type { MimePool } from "@mailfold/mime";
import type { PolicySource } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import type { ReadStore } from "@mailfold/read-store";
import type { ContentPool } from "@mailfold/rules";
import type { Logger, Metrics } from "@mailfold/telemetry";
import type { SimulationEngine } from "./simulation/simulation-engine.ts";

/** Hashes and checks passwords in the bounded pool; throws its typed fault when overloaded. */
export interface PasswordHasher {
  /** Argon2id PHC string. */
  hash(password: string): Promise<string>;
  verify(phc: string, password: string): Promise<boolean>;
}

/** Whether this process may take traffic, and why not. */
export interface Readiness {
  readonly ready: boolean;
  readonly roles: Readonly<Record<string, boolean>>;
  /** One sentence for each thing that is not ready. */
  readonly reasons?: readonly string[];
}

/** What a backup of the running platform produced. */
export interface BackupResult {
  readonly directory: string;
  readonly position: Position;
  readonly bytes: number;
}

/** A delivered message as it lies in a mailbox. */
export interface DeliveredCopy {
  readonly body: BodyRef;
  readonly transactionId?: MessageId;
  readonly verdictId?: VerdictId;
}

/** A DNS record that the operator publishes. */
export interface PublishedRecord {
  readonly name: string;
  readonly type: string;
  /** The whole text, for panels that split it themselves. */
  readonly value: string;
  /** As a zone file takes it. */
  readonly zoneLine: string;
}

/** Everything that the operations need; the edges' own needs are in ApiDeps. */
export interface OperationDeps {
  readonly journal: Journal;
  readonly rows: ReadStore;
  readonly directory: Directory;
  readonly policy: PolicySource;
  readonly sealer: Sealer;
  /** Key for derived object and event ids, at least 32 bytes. */
  readonly idSecret: Buffer;
  readonly passwords: PasswordHasher;
  readonly resolver: DnsResolver;
  readonly log: Logger;
  readonly clock: Clock;
  /** Reads previews of held mail, and words for tests of rules, off this thread. */
  readonly mime: Pick<MimePool, "preview" | "text">;
  /** Answers rules' tests of body and attachments off this thread. */
  readonly ruleContent: Pick<ContentPool, "match">;
  /** Messages that one verdict let into a mailbox and that are still there; several when they were copied. */
  copiesOf(mailboxId: MailboxId, verdictId: VerdictId): Promise<readonly DeliveredCopy[]>;
  /** True once directory and policy views have passed the position; false at the deadline. */
  waitForViews(position: Position, timeoutMs: number): Promise<boolean>;
}

/** What startApi needs. */
export interface ApiDeps extends OperationDeps {
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
  /** Removes secret fields from an event before anybody sees it: libs/events. */
  readonly redactSecrets: (event: RecordedEvent) => RecordedEvent;
  /** Wire version of an event's newest shape, for `dataschema`; 1 when unknown. */
  readonly versionOf?: (type: string) => number;
  /** Denials of addresses, shared with the mail protocols: how long one lasts still, and a token that was wrong. */
  readonly peerAbuse?: {
    readonly deniedForSeconds: (ip: string) => number | undefined;
    /** `evt_...` of the denial, for the answer. */
    readonly referenceOf?: (ip: string) => string | undefined;
    readonly loginFailed: (ip: string, protocol: string) => void;
  };
  /** Of the key that forwarded mail is sealed with; absent where none is. */
  readonly sealRecord?: PublishedRecord;
  /** Tries changes on recorded traffic; absent where this process keeps no table of it. */
  readonly simulations?: SimulationEngine;
  /** Performs a backup of the running platform; absent where the store cannot. */
  readonly backup?: (directory: string) => Promise<BackupResult>;
  /** Key and certificate for HTTPS (TLS 1.2 and later); absent = no HTTPS listener. */
  readonly tlsContext?: Pick<TlsOptions, "key" | "cert" | "SNICallback">;
  /** SHA-256 (hex) of the bootstrap platform token. */
  readonly adminTokenHash?: string;
}

/** Bounds of the API; every one has a default in defaultApiLimits. */
export interface ApiLimits {
  readonly bodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly queryDepth: number;
  readonly queryAliases: number;
  readonly queryTokens: number;
  readonly queryCost: number;
  /** GraphQL requests a second of one token subject, and how many may come at once. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** Failed authentications a minute of one IP address. */
  readonly authFailuresPerMinute: number;
  readonly feedSocketsPerSubject: number;
  readonly feedSockets: number;
  readonly feedSubscriptionsPerSocket: number;
  readonly feedWindowMax: number;
  readonly feedHeartbeatMs: number;
  readonly feedHelloMs: number;
  /** Bytes that may wait in one socket before the server stops pulling. */
  readonly feedBufferedBytes: number;
  /** How long a socket may stay over that bound before it is closed with 4408. */
  readonly feedDrainMs: number;
  /** How often an idle feed looks whether its token still holds; events re-check it each time. */
  readonly feedRecheckMs: number;
  readonly sseStreamsPerSubject: number;
}

export const defaultApiLimits: ApiLimits = {
  bodyBytes: 1_048_576,
  requestTimeoutMs: 30_000,
  queryDepth: 10,
  queryAliases: 15,
  queryTokens: 2_000,
  queryCost: 5_000,
  requestsPerSecond: 200,
  requestBurst: 400,
  authFailuresPerMinute: 20,
  feedSocketsPerSubject: 20,
  feedSockets: 1_000,
  feedSubscriptionsPerSocket: 16,
  feedWindowMax: 1_000,
  feedHeartbeatMs: 15_000,
  feedHelloMs: 5_000,
  feedBufferedBytes: 262_144,
  feedDrainMs: 10_000,
  feedRecheckMs: 2_000,
  sseStreamsPerSubject: 20,
};

/** Where and how the API listens. */
export interface ApiConfig {
  readonly host: string;
  /** 0 = any free port. https is ignored without a tlsContext. */
  readonly ports: { readonly http: number; readonly https: number };
  /** CIDRs whose X-Forwarded-* are believed. */
  readonly trustedProxies: readonly string[];
  /** Origins allowed on the audit feed beside the server's own, e.g. `https://panel.example`. */
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<ApiLimits>;
}

/** A running API. */
export interface RunningApi {
  /** 0 when that listener is off. */
  readonly ports: { readonly http: number; readonly https: number };
  /** Says goaway to feeds, finishes requests, closes listeners; resolves within 5 s. */
  close(): Promise<void>;
}
