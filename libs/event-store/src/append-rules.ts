import { assert } from "@mailfold/kernel";
import type { Append } from "./port.ts";

const eventsPerAppendMax = 1_000;
const appendsMax = 1_000;

/** What every adapter demands of a caller's appends; breaking it is a bug, not a refusal. */
export function checkAppends(appends: readonly Append[]): void {
  assert(appends.length > 0 && appends.length <= appendsMax, `1 to ${appendsMax} appends, not ${appends.length}`);
  for (const { stream, expected, events } of appends) {
    assert(stream.includes("-"), `${stream} is no stream name: <category>-<key>`);
    assert(events.length > 0, `an append to ${stream} without events`);
    assert(events.length <= eventsPerAppendMax, `more than ${eventsPerAppendMax} events in an append to ${stream}`);
    const valid = typeof expected !== "number" || (Number.isSafeInteger(expected) && expected >= 0);
    assert(valid, `${expected} is no revision`);
  }
}
