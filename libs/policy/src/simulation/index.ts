export type { AffectedSender } from "./affected-senders.ts";
export {
  type FactMark,
  type FactSegment,
  type RecordedVerdict,
  SegmentBuilder,
  segmentRowsMax,
} from "./fact-segment.ts";
export { compareRow, type RowOutcome, type RulesRunner, rowOutcomes } from "./judge-row.ts";
export { decodeSegment, encodeSegment, segmentBlocks } from "./segment-codec.ts";
export { Simulation, type SimulationQuery } from "./simulation.ts";
export type { MatrixCell, SimulationResult, SimulationSample } from "./simulation-result.ts";
