import { describe, test } from "node:test";
import type { ShadowId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { Scope } from "../scope.ts";
import type { ShadowEvent } from "./events.ts";
import { type ShadowCommand, type StartShadow, shadow } from "./shadow.ts";

const { given } = specify(shadow);
const id = (number: number): ShadowId => `shd_0${number}` as ShadowId;
const scope: Scope = { kind: "tenant", id: "ten_01" as TenantId };
const changes = [{ set: { spf: "reject" } }];
const day = 86_400_000;
const facts = { at: 1_000, scopeExists: true };
const begin: StartShadow = { type: "StartShadow", shadowId: id(1), scope, changes, expiresAt: day, facts };
const started = (shadowId = id(1), expiresAt = day): ShadowEvent => ({
  type: "ShadowStarted",
  data: { shadowId, scope, changes, expiresAt },
});
const four = [1, 2, 3, 4].map((number) => started(id(number)));

describe("shadow", () => {
  test("starts, and ends by promotion or by being dropped, once", () => {
    given().when(begin).thenRecorded(started());
    const data = { shadowId: id(1), scope };
    given(started())
      .when({ type: "PromoteShadow", shadowId: id(1), at: 2_000 })
      .thenRecorded({ type: "ShadowPromoted", data });
    given(started())
      .when({ type: "DropShadow", shadowId: id(1), at: 2_000 })
      .thenRecorded({ type: "ShadowDropped", data });
    given(started(), { type: "ShadowDropped", data })
      .when({ type: "DropShadow", shadowId: id(1), at: 2_000 })
      .thenRefused("NOT_FOUND");
    given(started())
      .when({ type: "PromoteShadow", shadowId: id(1), at: day })
      .thenRefused("NOT_FOUND");
    given()
      .when({ type: "DropShadow", shadowId: "constructor" as ShadowId, at: 1 })
      .thenRefused("NOT_FOUND");
  });

  test("a scope runs four at once; those that are over do not count", () => {
    given(...four)
      .when({ ...begin, shadowId: id(5) })
      .thenRefused("SHADOWS_FULL");
    given(...four.slice(1), started(id(1), 500))
      .when({ ...begin, shadowId: id(5) })
      .thenRecorded(started(id(5)));
    given(...four)
      .when({ ...begin, shadowId: id(4) })
      .thenRefused("ALREADY_EXISTS");
  });

  test("refuses what cannot run", () => {
    given()
      .when({ ...begin, facts: { ...facts, scopeExists: false } })
      .thenRefused("NOT_FOUND", ["scope"]);
    given()
      .when({ ...begin, changes: [] })
      .thenRefused("INVALID_INPUT", ["changes"]);
    given()
      .when({ ...begin, expiresAt: 1_000 })
      .thenRefused("INVALID_INPUT", ["expiresAt"]);
    given()
      .when({ ...begin, expiresAt: 1_001 + 30 * day })
      .thenRefused("INVALID_INPUT", ["expiresAt"]);
    given()
      .when({ ...begin, note: "\u0000" })
      .thenRefused("INVALID_INPUT", ["note"]);
    const changeRefusal = { code: "SETTING_UNKNOWN", message: "no such setting", path: ["changes", "0"] } as const;
    given()
      .when({ ...begin, facts: { ...facts, changeRefusal } })
      .thenRefused("SETTING_UNKNOWN", ["changes", "0"]);
  });

  test("replay equals live", () => {
    const shadowId = fc.integer({ min: 1, max: 6 }).map(id);
    const at = fc.integer({ min: 0, max: 5_000 });
    const start = fc.tuple(shadowId, at).map(([of, now]): ShadowCommand => {
      return { ...begin, shadowId: of, expiresAt: now + 2_000, facts: { ...facts, at: now } };
    });
    const end = fc
      .tuple(fc.constantFrom("PromoteShadow" as const, "DropShadow" as const), shadowId, at)
      .map(([type, of, now]): ShadowCommand => ({ type, shadowId: of, at: now }));
    holdsOverHistories(shadow, fc.oneof(start, end));
  });
});
