import type { RunningShadow, ShadowSource } from "@mailfold/app-smtp";
import { scopeId } from "@mailfold/domain";
import type { Clock, Row } from "@mailfold/kernel";
import type { PolicyChange } from "@mailfold/policy";
import { shadowOf, shadows } from "@mailfold/projection-shadows";
import type { ReadStore } from "@mailfold/read-store";
import type { Logger } from "@mailfold/telemetry";

/** Running shadows, kept current by their view. */
export interface RunningShadows extends ShadowSource {
  close(): Promise<void>;
}

const pageRows = 1_000;
/** Shadows of all scopes together; those beyond are not judged. */
const shadowsMax = 10_000;

/** Follows the view of shadows: they are few, so all are read again whenever one begins or ends. */
export function followShadows(
  rows: Pick<ReadStore, "selectAsync" | "onAdvance">,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): RunningShadows {
  let running: ReturnType<ShadowSource["running"]>;
  let reading: Promise<void> | undefined;
  let isStale = false;

  async function readAll(): Promise<void> {
    do {
      isStale = false;
      try {
        running = byScope(await currentRows(rows, clock.now()));
      } catch (error) {
        log.warn({ err: error }, "shadows could not be read: those known go on");
      }
    } while (isStale);
  }
  function refresh(): Promise<void> {
    isStale = true;
    reading ??= readAll().finally(() => {
      reading = undefined;
    });
    return reading;
  }
  const stop = rows.onAdvance((projection) => {
    if (projection === shadows.name) void refresh();
  });
  void refresh();
  return {
    running: () => running,
    async close() {
      stop();
      await reading;
    },
  };
}

async function currentRows(rows: Pick<ReadStore, "selectAsync">, now: number): Promise<readonly Row[]> {
  const found: Row[] = [];
  for (;;) {
    const last = found.at(-1);
    const page = await rows.selectAsync(shadows, "shadows", {
      where: { state: "running" },
      and: [["expiresAt", ">", now]],
      orderBy: ["shadowId"],
      limit: pageRows,
      ...(last === undefined ? {} : { after: { shadowId: last.shadowId ?? null } }),
    });
    found.push(...page);
    if (page.length < pageRows || found.length >= shadowsMax) return found;
  }
}

function byScope(all: readonly Row[]): ReturnType<ShadowSource["running"]> {
  if (all.length === 0) return undefined;
  const scopes = new Map<string, RunningShadow[]>();
  for (const { changes, expiresAt, scope, shadowId } of all.map(shadowOf)) {
    if (changes === undefined) continue;
    const own = scopes.get(scopeId(scope)) ?? [];
    own.push({ shadowId, expiresAt, changes: changes as unknown as readonly PolicyChange[] });
    scopes.set(scopeId(scope), own);
  }
  return scopes;
}
