import { pointUnits } from "./tally.ts";

/** The setting `learning` of one scope, as the fold reads it. */
export interface LearningSettings {
  /** Whether this scope's own list learns at all. */
  readonly learns: boolean;
  /** Whether a tenant's evidence counts for the platform's list. */
  readonly gives: boolean;
  /** Whether a tenant's mail is judged by the platform's list. The fold learns all the same. */
  readonly uses: boolean;
  /** Points from which a sender is listed with action defer, and with action reject. */
  readonly deferAt: number;
  readonly rejectAt: number;
  /** Wilson's lower bound of the share of spam must exceed this, 0 to 1. */
  readonly minSpamShare: number;
  readonly halfLifeMs: number;
}

const dayMs = 86_400_000;
export const defaultLearning: LearningSettings = {
  learns: true,
  gives: true,
  uses: true,
  deferAt: 5,
  rejectAt: 10,
  minSpamShare: 0.5,
  halfLifeMs: 7 * dayMs,
};

/** Bounds that hold in every scope. */
export const learningLimits = {
  /** No score exceeds it, so that no sender is listed for ever. */
  capUnits: 40 * pointUnits,
  /** Below this score, with less than one mail counted, a sender is forgotten. */
  forgottenBelowUnits: pointUnits / 10,
  reporterUnits: 2 * pointUnits,
  tenantUnits: 3 * pointUnits,
  /** Unknown recipients of an address count at most this much in an hour. */
  harvestUnits: pointUnits,
  /** What users read or answer counts for a sender at most this much in a half-life. */
  readUnits: 2 * pointUnits,
  prefixListedIpsMin: 3,
  platformTenantsMin: 3,
  platformResellersMin: 2,
  tenantAgeMs: 30 * dayMs,
  /** Decayed mail a tenant must have taken before its word counts for the platform. */
  tenantMailMin: 50,
  /** Live evidence kept by name for each sender; older evidence keeps its weight and loses its name. */
  itemsMax: 512,
  itemAgeMs: 90 * dayMs,
  evidenceIdsMax: 100,
  sweepMs: dayMs,
  /** Time that one event may move the fold forward by itself; two in a row are believed. */
  stepMs: dayMs,
} as const;

/** What is wrong with settings, in words; undefined when they are fit. */
export function learningProblem(settings: LearningSettings): string | undefined {
  const { deferAt, rejectAt, minSpamShare, halfLifeMs } = settings;
  const capPoints = learningLimits.capUnits / pointUnits;
  if (!(deferAt >= 0.5 && deferAt < rejectAt && rejectAt <= capPoints))
    return `deferAt is at least 0.5 and below rejectAt, rejectAt is at most ${capPoints}`;
  if (!(minSpamShare >= 0 && minSpamShare < 1)) return "minSpamShare is at least 0 and below 1";
  if (!(Number.isSafeInteger(halfLifeMs) && halfLifeMs >= 3_600_000 && halfLifeMs <= 90 * dayMs))
    return "halfLifeMs is a whole number, from one hour to 90 days";
  return undefined;
}
