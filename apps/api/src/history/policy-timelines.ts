import type { PolicyLimitsChanged, PolicySettingsChanged, Scope } from "@mailfold/domain";
import type { EventStore } from "@mailfold/event-store";
import { streams } from "@mailfold/events";
import { hasReached, type Position, type RecordedEvent, startOfLog } from "@mailfold/kernel";
import {
  type CompiledPolicy,
  compilePolicy,
  type LimitInput,
  type ScopePath,
  type SettingInput,
} from "@mailfold/policy";

/** Changes between two snapshots: what at most is folded to answer one question. */
const snapshotEvery = 64;
/** Most changes remembered over all scopes; a longer stream is folded anew each time. */
const changesMax = 40_000;

/** What a scope itself sets and limits at one moment. */
interface OwnPolicy {
  readonly settings: ReadonlyMap<string, SettingInput>;
  readonly limits: ReadonlyMap<string, LimitInput>;
}
const nothing: OwnPolicy = { settings: new Map(), limits: new Map() };

/** The changes of one scope, and what they came to after every so many of them. */
interface Timeline {
  readonly changes: RecordedEvent[];
  /** Entry n: after n * snapshotEvery changes. */
  readonly snapshots: OwnPolicy[];
  /** The whole log up to here has been looked at. */
  readonly readTo: Position;
}

/** Settings, limits and rules as they were at any position: folds of the log, remembered in steps. */
export interface PolicyTimelines {
  /** Along a path, as it was at a position; list entries are not in it. */
  at(path: ScopePath, position: Position): Promise<CompiledPolicy>;
}

/** Ids of the scopes along a path, narrowest first. */
export function scopesOf({ mailboxId, domainId, tenantId, resellerId }: ScopePath): readonly string[] {
  return [mailboxId, domainId, tenantId, resellerId, "platform"].filter((id) => id !== undefined);
}

function applied(own: OwnPolicy, event: RecordedEvent): OwnPolicy {
  const { id: byEvent, metadata } = event;
  const { scope, set, unset } = event.data as (PolicySettingsChanged | PolicyLimitsChanged)["data"];
  const base = { scope: scope as Scope, byEvent, ...(metadata.resellerId && { resellerId: metadata.resellerId }) };
  if (event.type === "PolicyLimitsChanged") {
    const limits = new Map(own.limits);
    for (const name of unset) limits.delete(name);
    for (const [name, limit] of Object.entries(set as PolicyLimitsChanged["data"]["set"])) {
      limits.set(name, { ...base, name, limit });
    }
    return { ...own, limits };
  }
  if (event.type !== "PolicySettingsChanged") return own;
  const settings = new Map(own.settings);
  for (const name of unset) settings.delete(name);
  for (const [name, value] of Object.entries(set as PolicySettingsChanged["data"]["set"])) {
    settings.set(name, { ...base, name, value });
  }
  return { ...own, settings };
}

/** How many changes lie at or before a position. */
function countUpTo(changes: readonly RecordedEvent[], position: Position): number {
  let [low, high] = [0, changes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hasReached(position, (changes[middle] as RecordedEvent).position)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function ownAt({ changes, snapshots }: Timeline, position: Position): OwnPolicy {
  const count = countUpTo(changes, position);
  const step = Math.floor(count / snapshotEvery);
  return changes.slice(step * snapshotEvery, count).reduce(applied, snapshots[step] ?? nothing);
}

/** Over the log itself, so that no view has to have caught up. The scopes longest unasked are forgotten first. */
export function createPolicyTimelines(store: EventStore): PolicyTimelines {
  const remembered = new Map<string, Timeline>();
  let size = 0;

  function forget(scope: string): Timeline | undefined {
    const timeline = remembered.get(scope);
    remembered.delete(scope);
    size -= timeline?.changes.length ?? 0;
    return timeline;
  }

  function remember(scope: string, timeline: Timeline): void {
    forget(scope);
    if (timeline.changes.length > changesMax / 2) return;
    remembered.set(scope, timeline);
    size += timeline.changes.length;
    for (const [oldest] of remembered) {
      if (size <= changesMax) return;
      forget(oldest);
    }
  }

  async function timelineOf(scope: string, position: Position): Promise<Timeline> {
    const known = remembered.get(scope);
    if (known !== undefined && hasReached(known.readTo, position)) {
      remember(scope, known);
      return known;
    }
    const readTo = await store.head();
    const changes = [...(known?.changes ?? [])];
    const snapshots = [...(known?.snapshots ?? [nothing])];
    const stream = streams.policy(scope);
    const from = (changes.at(-1)?.revision ?? -1) + 1;
    let own = changes.slice((snapshots.length - 1) * snapshotEvery).reduce(applied, snapshots.at(-1) ?? nothing);
    for await (const event of store.readStream(stream, { from })) {
      changes.push(event);
      own = applied(own, event);
      if (changes.length % snapshotEvery === 0) snapshots.push(own);
    }
    const timeline = { changes, snapshots, readTo };
    remember(scope, timeline);
    return timeline;
  }

  return {
    async at(path, position) {
      const settings: SettingInput[] = [];
      const limits: LimitInput[] = [];
      for (const scope of position === startOfLog ? [] : scopesOf(path)) {
        const own = ownAt(await timelineOf(scope, position), position);
        settings.push(...own.settings.values());
        limits.push(...own.limits.values());
      }
      return compilePolicy({ settings, limits });
    },
  };
}
