export interface BenchRow {
  readonly name: string;
  readonly perSecond: number;
  readonly changed: number;
  readonly undecidable: number;
  readonly memoryMiB: number;
}
export function writeSimulationPage(_page: unknown): void {}
