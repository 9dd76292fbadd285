interface ScoreWeight {
  readonly points: number;
  /** Setting in whose mode `score` (or its equal) the points count. */
  readonly setting: string;
  readonly when: string;
}

/** Points that what is known of a peer and its message adds to the spam score, by the name a verdict's parts show. */
export const scoreWeights = {
  "reverse-dns-missing": {
    points: 1,
    setting: "reverseDns",
    when: "the peer's address has no host name, or one that does not lead back to it",
  },
  "helo-unresolved": { points: 1, setting: "verifyHelo", when: "the HELO name is malformed or does not exist" },
  "helo-literal": { points: 0.5, setting: "verifyHelo", when: "the HELO name is an address literal" },
  "sender-domain-unresolved": {
    points: 2.5,
    setting: "verifySenderDomain",
    when: "the domain of MAIL FROM does not exist, or takes no mail",
  },
  "spf-fail": { points: 3, setting: "spf", when: "SPF says `fail`" },
  "spf-softfail": { points: 1, setting: "spf", when: "SPF says `softfail`" },
  "dmarc-fail": {
    points: 2,
    setting: "dmarc",
    when: "DMARC fails, in mode `score`, or where the domain's own policy is `none`",
  },
  "classifier-spam": { points: 5, setting: "classifier", when: "the statistical filter says spam" },
  "classifier-likely": {
    points: 2,
    setting: "classifier",
    when: "the statistical filter is not sure, with a probability above 0.8",
  },
  "classifier-ham": { points: -1, setting: "classifier", when: "the statistical filter says not spam" },
} as const satisfies Readonly<Record<string, ScoreWeight>>;

/** Name of a fixed weight. */
export type ScoreWeightName = keyof typeof scoreWeights;

/** Parts whose points come from elsewhere. */
export const scoreSources = [
  {
    name: "`dnsbl/<zone>`",
    setting: "dnsbl",
    points: "the zone's weight",
    when: "a DNS list that has a weight names the peer",
  },
  { name: "`rspamd`", setting: "spamScanner", points: "rspamd's score", when: "rspamd answered" },
  {
    name: "`html/<check>`, `mime/<check>`",
    setting: "contentChecks",
    points: "the check's own",
    when: "a built-in content check saw something",
  },
  { name: "`phrases/<phrase>`", setting: "phraseList", points: "the phrase's", when: "a phrase is in the text" },
  { name: "`urls/<domain>`", setting: "urlDenyList", points: "the check's own", when: "a link names a listed domain" },
] as const;
