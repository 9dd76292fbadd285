import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Position } from "@mailfold/kernel";
import type { ProjectionStatus } from "@mailfold/read-store";
import { watchDecidingViews } from "./deciding-views.ts";

const head = "0000000000000009" as Position;
const status = (state: ProjectionStatus["state"], name = "directory"): ProjectionStatus => ({
  name,
  version: 1,
  state,
  position: head,
  lagEvents: 0,
  lagSeconds: 0,
});

test("a directory that parks before it caught up is ready once a rebuild has mended it", async () => {
  const answers = [false, false, true];
  const rows = { status: () => [status("running")], waitFor: async () => answers.shift() ?? true };
  const views = watchDecidingViews(rows, head);
  assert.equal(views.ready(), false);
  while (!views.ready()) await delay(1);
  views.close();
});

test("a parked or stopped directory is not ready, other views do not matter", async () => {
  let statuses = [status("running"), status("parked", "audit-trail")];
  const views = watchDecidingViews({ status: () => statuses, waitFor: async () => true }, head);
  while (!views.ready()) await delay(1);
  for (const state of ["parked", "stopped"] as const) {
    statuses = [status(state)];
    await delay(120);
    assert.equal(views.ready(), false, state);
  }
  statuses = [status("rebuilding")];
  await delay(120);
  assert.equal(views.ready(), true, "the old rows serve meanwhile");
  views.close();
});
