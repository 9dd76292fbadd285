export const modes = ["none", "addresses", "localHosts", "localUsers", "anyone"] as const;
/** Settings of relayMode. */
export type Mode = (typeof modes)[number];
export const senderKinds = ["own user", "foreign", "null sender", "accept-listed", "kill-listed"] as const;
export type SenderKind = (typeof senderKinds)[number];

/** Each mode's tenant hears from a peer of its own, so that no flood of refusals is summed up. */
export const peers: Readonly<Record<Mode, string>> = {
  none: "192.0.2.10",
  addresses: "192.0.2.20",
  localHosts: "192.0.2.30",
  localUsers: "192.0.2.40",
  anyone: "192.0.2.50",
};
/** The setting whose line decides where nothing else does. */
export const modeLine = "relayMode";
const listLine = "relayAddresses";
const refusedEverywhere = {
  "own user": ["550 relay-denied", modeLine],
  foreign: ["550 relay-denied", modeLine],
  "null sender": ["550 relay-null-sender", modeLine],
  // An accept entry by address names a sender, which proves nothing: it opens no relaying.
  "accept-listed": ["550 relay-sender-unproven", "acceptList"],
  "kill-listed": ["550 relay-denied", modeLine],
} as const;
type Expected = Readonly<Record<SenderKind, readonly [answer: string, decisiveSetting: string]>>;
/** policy.md 2 and architecture.md 7.3: what is answered, and which setting decides. */
export const matrix: Readonly<Record<Mode, Expected>> = {
  none: refusedEverywhere,
  addresses: {
    "own user": ["250 relay-address", listLine],
    foreign: ["250 relay-address", listLine],
    "null sender": ["250 relay-address", listLine],
    "accept-listed": ["250 relay-address", listLine],
    "kill-listed": ["550 kill-listed", "killList"],
  },
  localHosts: {
    "own user": ["250 relay-local-host", modeLine],
    foreign: ["250 relay-local-host", modeLine],
    "null sender": ["550 relay-null-sender", modeLine],
    "accept-listed": ["250 relay-local-host", modeLine],
    "kill-listed": ["550 kill-listed", "killList"],
  },
  localUsers: { ...refusedEverywhere, "own user": ["250 relay-local-user", modeLine] },
  anyone: { ...refusedEverywhere, "own user": ["250 relay-anyone", modeLine] },
};
/** First label of a mode's tenant's domain. */
export const domainOf = (mode: Mode) => mode.toLowerCase();
export const addressOf = (mode: Mode, kind: SenderKind): string =>
  ({
    "own user": `user@${domainOf(mode)}.test`,
    foreign: "someone@foreign.example",
    "null sender": "",
    "accept-listed": `friend@accepted-${domainOf(mode)}.example`,
    "kill-listed": `spammer@killed-${domainOf(mode)}.example`,
  })[kind];
