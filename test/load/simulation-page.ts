import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One change that was tried. */
export interface BenchRow {
  readonly name: string;
  readonly perSecond: number;
  readonly changed: number;
  readonly undecidable: number;
  readonly memoryMiB: number;
}
interface BenchFigures {
  readonly verdicts: number;
  readonly entries: number;
  /** Octets on disk of one verdict. */
  readonly octets: number;
  readonly sample: number;
  readonly rows: readonly BenchRow[];
}

const page = fileURLToPath(new URL("../../docs/reference/simulation.md", import.meta.url));
const begin = "<!-- figures: begin -->";
const end = "<!-- figures: end -->";
const whole = (value: number): string => Math.round(value).toLocaleString("en");

/** Puts the figures of a run into docs/reference/simulation.md. */
export function writeSimulationPage({ entries, octets, rows, sample, verdicts }: BenchFigures): void {
  const table = rows.map(({ changed, memoryMiB, name, perSecond, undecidable }) => {
    return `| ${name} | ${whole(perSecond)} | ${whole(changed)} | ${whole(undecidable)} | ${whole(memoryMiB)} |`;
  });
  const text = [
    begin,
    `${whole(verdicts)} recorded verdicts, ${Math.round(octets)} octets each on disk, a policy of ${whole(entries)} list entries; read from files. ${whole(sample)} of them were judged one by one, too, and came to the same.`,
    "",
    "| change | verdicts/s per core | turned | undecidable | memory of the process, MiB |",
    "|---|---|---|---|---|",
    ...table,
    end,
  ].join("\n");
  const old = readFileSync(page, "utf8");
  writeFileSync(page, `${old.slice(0, old.indexOf(begin))}${text}${old.slice(old.indexOf(end) + end.length)}`);
}
