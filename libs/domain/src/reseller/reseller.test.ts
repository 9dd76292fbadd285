import { describe, test } from "node:test";
import type { ResellerId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { CreateReseller } from "./reseller.ts";
import { reseller } from "./reseller.ts";

const { given } = specify(reseller);
const resellerId = "rsl_01" as ResellerId;
const create: CreateReseller = { type: "CreateReseller", resellerId, name: "Nordlicht", externalIdTaken: false };

describe("reseller", () => {
  test("is created once, without fields that were not given", () => {
    given()
      .when(create)
      .thenRecorded({ type: "ResellerCreated", data: { resellerId, name: "Nordlicht" } });
    given({ type: "ResellerCreated", data: { resellerId, name: "x" } })
      .when(create)
      .thenRefused("ALREADY_EXISTS");
  });

  test("refuses names that are blank, long, or hold control characters, and a taken externalId", () => {
    for (const name of ["", "  ", "x".repeat(201), "a\nb", "a\u2028b", "\ud800"]) {
      given()
        .when({ ...create, name })
        .thenRefused("INVALID_INPUT", ["name"]);
    }
    given()
      .when({ ...create, externalId: "a\u0000" })
      .thenRefused("INVALID_INPUT", ["externalId"]);
    given()
      .when({ ...create, externalId: "a", externalIdTaken: true })
      .thenRefused("EXTERNAL_ID_TAKEN");
  });

  test("replay equals live", () => {
    holdsOverHistories(
      reseller,
      fc.record({
        type: fc.constant("CreateReseller" as const),
        resellerId: fc.constant(resellerId),
        name: fc.string(),
        externalIdTaken: fc.boolean(),
      }),
    );
  });
});
