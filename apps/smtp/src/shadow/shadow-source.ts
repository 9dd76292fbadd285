import type { ShadowId } from "@mailfold/kernel";
import type { PolicyChange } from "@mailfold/policy";

/** Changes of one scope's policy that are judged beside it. */
export interface RunningShadow {
  readonly shadowId: ShadowId;
  readonly changes: readonly PolicyChange[];
  /** Milliseconds since the epoch: not judged from then on. */
  readonly expiresAt: number;
}

/** Knows which shadows run. */
export interface ShadowSource {
  /** By scope id; undefined = none runs anywhere. */
  running(): ReadonlyMap<string, readonly RunningShadow[]> | undefined;
}
