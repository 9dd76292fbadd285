/** Times of many decisions, in ms. */
export interface Quantiles {
  readonly count: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** What decision-bench.ts measured. */
export interface DecisionFigures {
  readonly tenants: number;
  readonly entries: number;
  readonly rulesPerTenant: number;
  /** The policy in memory, and what compiled rules take beside it. */
  readonly policyMiB: number;
  readonly compiledMiB: number;
  readonly mixes: readonly {
    readonly mail: string;
    readonly all: Quantiles;
    /** Those in which the kernel did not take the processor away. */
    readonly undisturbed: Quantiles;
  }[];
  /** 200 body rules on one message of 128 KiB, in their worker. */
  readonly bodyRules: Quantiles;
}
