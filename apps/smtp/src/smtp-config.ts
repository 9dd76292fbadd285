/** Bounds of every wait, queue and count on the SMTP edge. */
export interface SmtpLimits {
  /** Open connections of all three listeners; the last tenth is kept for submission. */
  readonly connectionsMax: number;
  /** Open connections of one IPv4 address or IPv6 /64; loopback and platform relayAddresses are exempt. */
  readonly connectionsPerIpMax: number;
  /** Until a PROXY header, and until a TLS handshake, must be complete. */
  readonly proxyTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** A session may not last longer, whatever it does. */
  readonly sessionMaxMs: number;
  /** From our reply until the next whole command line (RFC 5321 4.5.3.2.7: at least 5 minutes). */
  readonly commandTimeoutMs: number;
  /** From 354 until the end of the message. */
  readonly dataMaxMs: number;
  /** After dataGraceMs a message must have come at this average rate. */
  readonly dataGraceMs: number;
  readonly dataMinBytesPerSecond: number;
  /** A peer that does not read its replies for this long is dropped. */
  readonly writeTimeoutMs: number;
  /** How often the deadlines above are looked at. */
  readonly sweepIntervalMs: number;
  /** Commands that move no mail (NOOP, RSET, VRFY, EHLO, ...) since the last accepted message. */
  readonly junkCommandsMax: number;
  /** Commands answered 5xx for their form; and recipients refused; per session. */
  readonly errorsMax: number;
  readonly refusedRecipientsMax: number;
  /** Unknown recipients of one session (harvesting). */
  readonly unknownRecipientsMax: number;
  /** Over-long lines before the connection is closed. */
  readonly overlongMax: number;
  readonly authFailuresMax: number;
  /** Recipients of one transaction, above every policy. */
  readonly recipientsMax: number;
  /** Octets of messages held in memory by all sessions. */
  readonly bufferedBytesMax: number;
  /** Event-loop delay beyond which new connections are told 421. */
  readonly loopDelayMaxMs: number;
  /** One DNS look-up about a peer, and all of them together for one recipient; later answers count as failed. */
  readonly lookUpMs: number;
  readonly peerChecksMs: number;
  /** Replies held back at once (recipientDelayMs); further ones are given without delay. */
  readonly delayedRepliesMax: number;
  /** How long queued outbound mail is tried. */
  readonly outboundLifetimeMs: number;
  /** How long a deferred copy is judged again, and how long a refused copy of a mixed answer lies in quarantine. */
  readonly deferredLifetimeMs: number;
  readonly quarantineMs: number;
  /** How long close() waits for running transactions. */
  readonly drainMs: number;
}

export const defaultSmtpLimits: SmtpLimits = {
  connectionsMax: 2_000,
  connectionsPerIpMax: 100,
  proxyTimeoutMs: 5_000,
  handshakeTimeoutMs: 30_000,
  sessionMaxMs: 60 * 60_000,
  commandTimeoutMs: 5 * 60_000,
  dataMaxMs: 30 * 60_000,
  dataGraceMs: 20_000,
  dataMinBytesPerSecond: 500,
  writeTimeoutMs: 30_000,
  sweepIntervalMs: 1_000,
  junkCommandsMax: 100,
  errorsMax: 20,
  refusedRecipientsMax: 100,
  unknownRecipientsMax: 20,
  overlongMax: 3,
  authFailuresMax: 3,
  recipientsMax: 1_000,
  bufferedBytesMax: 512 * 1024 * 1024,
  loopDelayMaxMs: 70,
  lookUpMs: 4_000,
  peerChecksMs: 8_000,
  delayedRepliesMax: 500,
  outboundLifetimeMs: 5 * 86_400_000,
  deferredLifetimeMs: 2 * 86_400_000,
  quarantineMs: 30 * 86_400_000,
  drainMs: 8_000,
};

export interface SmtpConfig {
  /** Address every listener binds to. */
  readonly host: string;
  /** Name in greetings and Received. */
  readonly hostname: string;
  /** Port per listener, 0 = any free one, undefined = not started. */
  readonly ports: {
    readonly mx: number | undefined;
    readonly submission: number | undefined;
    readonly submissions: number | undefined;
  };
  /** IPs and CIDRs whose PROXY v1 header is required and believed. */
  readonly trustedProxies: readonly string[];
  /** Overrides of defaultSmtpLimits. */
  readonly limits?: Partial<SmtpLimits>;
}
