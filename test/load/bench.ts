// `npm run bench`: the figures of docs/reference/performance.md, each beside a physical reference measured in the same
// run. `npm run bench -- --write` writes that page; `--quick` takes a second per figure instead of five.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { repository, startPlatform, temporaryDir } from "../e2e/platform.ts";
import { provisionTenant } from "../e2e/provision.ts";
import { fsyncsPerSecond } from "./bench-disk.ts";
import { idleBytesPerImapConnection } from "./bench-imap.ts";
import { benchLog } from "./bench-log.ts";
import { benchPolicy } from "./bench-policy.ts";
import { benchSmtp } from "./bench-smtp.ts";
import type { DecisionFigures } from "./decision-figures.ts";
import { type Figures, performancePage } from "./performance-page.ts";

const flags = new Set(process.argv.slice(2));
const seconds = flags.has("--quick") ? 1 : 5;
const say = (text: string) => process.stderr.write(`${text}\n`);

say("disk");
const fsyncsBefore = fsyncsPerSecond(temporaryDir("bench-disk"), seconds);
say("log");
const log = await benchLog(seconds);
say("policy");
const policy = benchPolicy(seconds);
say("whole decisions");
const decisions = benchDecisions();
say("platform: SMTP to folder");
const platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
const tenant = await provisionTenant(platform, "bench", {
  locals: Array.from({ length: 20 }, (_, index) => `user${index}`),
});
const smtp = await benchSmtp(platform, tenant, seconds);
await platform.stop();
say("platform: idle IMAP connections");
const quiet = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
const readers = await provisionTenant(quiet, "idle", { locals: ["a", "b", "c", "d"] });
const idleImapBytes = await idleBytesPerImapConnection(quiet, readers, flags.has("--quick") ? 200 : 1_000);
await quiet.stop();
const fsyncsAfter = fsyncsPerSecond(temporaryDir("bench-disk"), seconds);

const figures: Figures = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown"}, Node ${process.versions.node}`,
  fsyncsBefore,
  fsyncsAfter,
  log,
  policy,
  decisions,
  smtp,
  idleImapBytes,
};
process.stdout.write(performancePage(figures));
if (flags.has("--write")) writeFileSync(join(repository, "docs/reference/performance.md"), performancePage(figures));

/** In a process of its own: it needs more memory than the rest together, and a heap that can be measured. */
function benchDecisions(): DecisionFigures {
  const script = join(repository, "test/load/decision-bench.ts");
  const size = flags.has("--quick") ? [1_000, 100_000, 200, 2] : [10_000, 1_000_000, 200, 10];
  const args = ["--expose-gc", "--max-old-space-size=6000", script, ...size.map(String), "--json"];
  const out = execFileSync(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: 300_000 });
  return JSON.parse(String(out)) as DecisionFigures;
}
