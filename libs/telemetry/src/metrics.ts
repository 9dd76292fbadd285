import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Name suffix, help and labels of every counter. docs/reference/metrics.md lists them. */
const counters = {
  verdicts: ["policy_verdicts_total", "Verdicts by action, phase and reason", ["action", "phase", "reason"]],
  accepted: ["smtp_messages_accepted_total", "Messages answered 250", ["listener"]],
  denials: ["denials_total", "IPs denied for protocol abuse", ["reason"]],
  dnsListQueries: [
    "dns_list_queries_total",
    "Questions to DNS lists; zones beyond the first 50 count as other",
    ["zone", "result"],
  ],
  greylistOutcomes: ["greylist_outcomes_total", "Greylisted recipients by what became of the try", ["outcome"]],
  shadowVerdicts: [
    "shadow_verdicts_total",
    "Verdicts of shadows: the same as the real one, different, or failed",
    ["outcome"],
  ],
  simulations: ["simulations_total", "Simulations that ended", ["outcome"]],
  simulatedVerdicts: ["simulated_verdicts_total", "Recorded verdicts that simulations looked at", []],
  scans: ["scans_total", "Messages that a scanner was asked about", ["scanner", "outcome"]],
  authentications: ["authentications_total", "Logins tried", ["protocol", "outcome"]],
  marks: ["marks_total", "Messages that users marked as spam or not spam", ["mark", "by"]],
  classifierMarks: ["classifier_marks_total", "Marks that the classifier worked off", ["kind", "outcome"]],
  reputationEvidence: ["reputation_evidence_total", "Evidence that blacklists learned from", ["kind"]],
  reputationDecisions: ["reputation_decisions_total", "Listings begun, changed and ended", ["list", "change"]],
  rspamdLearned: ["rspamd_learned_total", "Marked messages passed on to rspamd", ["kind", "outcome"]],
  imapCommands: ["imap_commands_total", "IMAP commands", ["command", "result"]],
  outboundAttempts: ["outbound_attempts_total", "Delivery attempts by outcome per recipient", ["outcome"]],
  graphqlOperations: ["graphql_operations_total", "GraphQL operations", ["kind", "outcome"]],
  feedCreditStalls: ["feed_credit_stalls_total", "Times a feed subscription ran out of credit", []],
} as const;

const gauges = {
  ready: ["ready", "1 when mail and requests are served, as /readyz says", []],
  connections: ["connections", "Open connections", ["protocol"]],
  simulationsUnfinished: ["simulations_unfinished", "Simulations that wait or run", []],
  outboundQueue: ["outbound_queue_messages", "Messages waiting to leave", []],
  feedSubscribers: ["feed_subscribers", "Live audit feed subscriptions", []],
  projectionLagEvents: ["projection_lag_events", "Events not yet applied", ["projection"]],
  projectionLagSeconds: ["projection_lag_seconds", "Age of the oldest event not yet applied", ["projection"]],
  projectionParked: ["projection_parked", "1 when a projection is parked by a poison event", ["projection"]],
  classifierLagSeconds: [
    "classifier_lag_seconds",
    "Age of the mark that the classifier is working on; 0 when none waits",
    [],
  ],
  reputationListings: ["reputation_listings", "Learned listings in force", ["list"]],
  reputationLagSeconds: [
    "reputation_lag_seconds",
    "Age of the event that the learner of blacklists is working on; 0 when none waits",
    [],
  ],
  eventLoopDelaySeconds: ["event_loop_delay_p99_seconds", "p99 delay of the edge event loop since the last scrape", []],
} as const;

type Spec = Readonly<Record<string, readonly [string, string, readonly string[]]>>;

function build<S extends Spec, M>(spec: S, make: (name: string, help: string, labelNames: string[]) => M) {
  const entries = Object.entries(spec).map(([key, [name, help, labels]]) => [
    key,
    make(`mailfold_${name}`, help, [...labels]),
  ]);
  return Object.fromEntries(entries) as { readonly [Key in keyof S]: M };
}

/** All metrics of one process; low cardinality, no tenant label. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    ...build(counters, (name, help, labelNames) => new Counter({ name, help, labelNames, registers })),
    ...build(gauges, (name, help, labelNames) => new Gauge({ name, help, labelNames, registers })),
    scanSeconds: new Histogram({
      name: "mailfold_scan_duration_seconds",
      help: "From asking a scanner to its answer, or to giving up",
      labelNames: ["scanner"],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
      registers,
    }),
    smtpCommitSeconds: new Histogram({
      name: "mailfold_smtp_commit_duration_seconds",
      help: "From end of DATA to durable",
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
      registers,
    }),
  };
}
export type Metrics = ReturnType<typeof createMetrics>;
