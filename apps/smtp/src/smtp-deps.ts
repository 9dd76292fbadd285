import type { SecureContext } from "node:tls";
import type { DnsResolver } from "@mailfold/dns";
import type { Journal } from "@mailfold/journal";
import type { Clock } from "@mailfold/kernel";
import type { PolicySource } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import type { Authenticator } from "@mailfold/sasl";
import type { Logger, Metrics } from "@mailfold/telemetry";
import type { ContentServices } from "./content/content-services.ts";
import type { Denials } from "./denials.ts";
import type { Forwarding } from "./forward/forwarding.ts";
import type { AbuseWatch } from "./peer/abuse-watch.ts";
import type { Greylist } from "./peer/greylist.ts";
import type { RecipientCounters } from "./peer/recipient-counters.ts";
import type { ShadowSource } from "./shadow/shadow-source.ts";

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
  /** What messages are looked at with; made by the edge, without scanners and classifier, when absent. */
  readonly content?: ContentServices;
  /** Keys for mail that rules send on; absent: nothing is sent to addresses elsewhere, and such copies stay. */
  readonly forwarding?: Forwarding;
  /** Whether directory and policy views have caught up; before, mail is answered 451. */
  readonly readiness: () => boolean;
  /** Event-loop delay in ms as the edge should see it; measured here when absent. */
  readonly loopDelayMs?: () => number;
  /** Whether the journal's queue is full; new connections are then told 421. */
  readonly journalOverloaded?: () => boolean;
  /** Shared with the other protocols; the edge makes its own when absent. */
  readonly denials?: Denials;
  readonly abuse?: AbuseWatch;
  /** What outlives a restart (openEdgeMemory); in memory only when absent. */
  readonly greylist?: Greylist;
  readonly counters?: RecipientCounters;
  /** Changes of policy to judge beside the policy in force; none when absent. */
  readonly shadows?: ShadowSource;
  /** Told when load is shed, at most once a second. */
  readonly onOverload?: (cause: "event-loop" | "journal") => void;
}
