import type { SecureContext } from "node:tls";
import type { DnsResolver } from "@mailfold/dns";
import type { Journal } from "@mailfold/journal";
import type { Clock } from "@mailfold/kernel";
import type { PolicySource } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import type { Authenticator } from "@mailfold/sasl";
import type { Logger, Metrics } from "@mailfold/telemetry";

/** What the SMTP edge needs of the rest. */
export interface SmtpDeps {
  readonly journal: Journal;
  readonly policy: PolicySource;
  readonly directory: Directory;
  readonly authenticator: Authenticator;
  readonly resolver: DnsResolver;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Asked at every handshake (libs/tls TlsContextProvider). */
  readonly tlsContext: { current(): SecureContext };
  /** Whether directory and policy views have caught up; before, mail is answered 451. */
  readonly readiness: () => boolean;
  /** Event-loop delay in ms as the edge should see it; measured here when absent. */
  readonly loopDelayMs?: () => number;
  /** Whether the journal's queue is full; new connections are then told 421. */
  readonly journalOverloaded?: () => boolean;
  /** Told when load is shed, at most once a second. */
  readonly onOverload?: (cause: "event-loop" | "journal") => void;
}
