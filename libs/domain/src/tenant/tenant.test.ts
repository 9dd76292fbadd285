import { describe, test } from "node:test";
import type { ResellerId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { SuspensionReason, SuspensionSwitches, TenantEvent } from "./events.ts";
import type { CreateTenant, SuspendTenant, TenantCommand } from "./tenant.ts";
import { noSwitches, tenant } from "./tenant.ts";

const { given } = specify(tenant);
const tenantId = "ten_01" as TenantId;
const resellerId = "rsl_01" as ResellerId;
const create: CreateTenant = {
  type: "CreateTenant",
  tenantId,
  resellerId,
  name: "Bakery",
  resellerExists: true,
  externalIdTaken: false,
};
const created: TenantEvent = { type: "TenantCreated", data: { tenantId, resellerId, name: "Bakery" } };
const loginOff: SuspensionSwitches = { ...noSwitches, login: true };
const inboundOff: SuspensionSwitches = { ...noSwitches, inbound: true };
const suspend: SuspendTenant = { type: "SuspendTenant", switches: loginOff, reason: "ABUSE" };
const suspended = (switches: SuspensionSwitches): TenantEvent => ({
  type: "TenantSuspended",
  data: { tenantId, switches, reason: "ABUSE" },
});
const resumed: TenantEvent = { type: "TenantResumed", data: { tenantId, restored: noSwitches } };

describe("tenant", () => {
  test("is created once, under a reseller that exists", () => {
    given().when(create).thenRecorded(created);
    given()
      .when({ ...create, resellerExists: false })
      .thenRefused("NOT_FOUND", ["resellerId"]);
    given()
      .when({ ...create, externalId: "x", externalIdTaken: true })
      .thenRefused("EXTERNAL_ID_TAKEN");
    given(created).when(create).thenRefused("ALREADY_EXISTS");
    given().when(suspend).thenRefused("NOT_FOUND");
    given().when({ type: "ResumeTenant" }).thenRefused("NOT_FOUND");
  });

  test("a suspension switches something off, for a catalogued reason", () => {
    given(created).when(suspend).thenRecorded(suspended(loginOff));
    given(created)
      .when({ ...suspend, switches: noSwitches })
      .thenRefused("INVALID_INPUT", ["switches"]);
    given(created)
      .when({ ...suspend, reason: "WHIM" as SuspensionReason })
      .thenRefused("INVALID_INPUT", ["reason"]);
    given(created)
      .when({ ...suspend, note: "x".repeat(1_001) })
      .thenRefused("INVALID_INPUT", ["note"]);
  });

  test("suspending while suspended replaces the switches; the same again is nothing new", () => {
    given(created, suspended(loginOff))
      .when({ ...suspend, switches: inboundOff })
      .thenRecorded(suspended(inboundOff));
    given(created, suspended(loginOff)).when(suspend).thenNothing();
    given(created, suspended(loginOff))
      .when({ ...suspend, note: "third reminder" })
      .thenRecorded({
        type: "TenantSuspended",
        data: { tenantId, switches: loginOff, reason: "ABUSE", note: "third reminder" },
      });
  });

  test("resume restores what was before the first suspension of the spell, and is nothing new when active", () => {
    given(created, suspended(loginOff), suspended(inboundOff)).when({ type: "ResumeTenant" }).thenRecorded(resumed);
    given(created, suspended(loginOff), resumed).when({ type: "ResumeTenant" }).thenNothing();
    given(created, suspended(loginOff), resumed).when(suspend).thenRecorded(suspended(loginOff));
  });

  test("replay equals live", () => {
    const switches = fc.record({
      login: fc.boolean(),
      submission: fc.boolean(),
      inbound: fc.boolean(),
      forwarding: fc.boolean(),
    });
    const reason = fc.constantFrom<SuspensionReason>("ABUSE", "ADMIN");
    const command: fc.Arbitrary<TenantCommand> = fc.oneof(
      fc.constant(create),
      fc.record({ type: fc.constant("SuspendTenant" as const), switches, reason }),
      fc.constant<TenantCommand>({ type: "ResumeTenant" }),
    );
    holdsOverHistories(tenant, command);
  });
});
