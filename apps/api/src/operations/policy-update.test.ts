import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventStore } from "@mailfold/event-store";
import { idFromUuid } from "@mailfold/ids";
import type { Caller } from "../caller.ts";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, count, operationsWorld } from "../test-support/operations-test-world.ts";
import { createOperations } from "./create-operations.ts";
import { OperationForbidden, type OperationOutcome } from "./operation-outcome.ts";
import type { EffectivePolicy } from "./policy-records.ts";

describe("policyUpdate", () => {
  const house = operationsWorld();
  const as = (kind: "reseller" | "tenant", id: string): Caller => {
    return { ...platformCaller, subject: id, scope: { kind, id } as Caller["scope"] };
  };

  /** A reseller's tenant with a mailbox, and who asks for each. */
  async function place() {
    const { resellerId, tenantId, domainId } = await house.tenantWithDomain();
    const address = "user@demo.example";
    const made = await house.operations.mailboxCreate(platformCaller, { tenantId, address, password: "correct horse" });
    const mailboxId = made.value?.mailboxId ?? "";
    return {
      ...{ resellerId, tenantId, domainId, mailboxId },
      reseller: as("reseller", resellerId),
      tenant: as("tenant", tenantId),
    };
  }
  const update = (...call: Parameters<typeof house.operations.policyUpdate>) => house.operations.policyUpdate(...call);
  function settingOf(outcome: OperationOutcome<EffectivePolicy>, name: string) {
    assert.deepEqual(outcome.errors, []);
    return outcome.value?.settings.find((setting) => setting.name === name);
  }
  const eventOf = (outcome: OperationOutcome<EffectivePolicy>) =>
    idFromUuid("event", outcome.receipt?.events.at(-1)?.id ?? "");

  describe("limits", () => {
    test("a lock is refused at every scope below; whoever has the scope in its subtree is told which event", async () => {
      const { resellerId, tenantId, domainId, mailboxId, reseller, tenant } = await place();
      const lock = { scope: { resellerId }, set: { junkAction: "tag" }, limits: { junkAction: { locked: true } } };
      const locked = await update(reseller, lock);
      assert.deepEqual(
        locked.receipt?.events.map(({ type }) => type),
        ["PolicySettingsChanged", "PolicyLimitsChanged"],
      );
      assert.deepEqual(settingOf(locked, "junkAction")?.limitBelow?.locked, true);
      const before = await count(house.world.store);
      for (const scope of [{ tenantId }, { domainId }, { mailboxId }]) {
        const told = await update(tenant, { scope, set: { junkAction: "folder" } });
        assert.deepEqual(told.errors, [
          {
            path: ["set", "junkAction"],
            code: "SETTING_LOCKED",
            message: "junkAction is locked at reseller scope",
            details: { limitedAt: "reseller" },
          },
        ]);
        const own = await update(reseller, { scope, set: { junkAction: "folder" } });
        const details = { limitedAt: "reseller", scope: resellerId, event: eventOf(locked) };
        assert.deepEqual(own.errors[0]?.details, details);
      }
      assert.equal(await count(house.world.store), before);
      assert.deepEqual(
        codes(await update(reseller, { ...lock, set: { junkAction: "header" } })),
        [],
        "not its own value",
      );
      const lifted = await update(reseller, { scope: { resellerId }, unsetLimits: ["junkAction"] });
      assert.equal(settingOf(lifted, "junkAction")?.limitBelow, undefined);
      const free = await update(tenant, { scope: { tenantId }, set: { junkAction: "folder" } });
      assert.equal(settingOf(free, "junkAction")?.value, "folder");
    });

    test("a tenant's own lock names its event to the tenant; the platform's kind is named, never its event", async () => {
      const { tenantId, mailboxId, tenant, reseller } = await place();
      const own = await update(tenant, { scope: { tenantId }, limits: { greylist: { max: 300 } } });
      const told = await update(tenant, { scope: { mailboxId }, set: { greylist: 600 } });
      assert.deepEqual(codes(told), ["SETTING_OUT_OF_BOUND"]);
      assert.deepEqual(told.errors[0]?.details, { limitedAt: "tenant", scope: tenantId, event: eventOf(own) });
      await update(platformCaller, { scope: { platform: true }, limits: { greylist: { max: 60 } } });
      for (const caller of [tenant, reseller]) {
        const { errors } = await update(caller, { scope: { mailboxId }, set: { greylist: 600 } });
        assert.deepEqual(errors[0]?.details, { limitedAt: "platform" });
      }
    });

    test("a bound narrows what was set before at once; unset is always taken; lifting brings the value back", async () => {
      const { resellerId, tenantId, mailboxId, reseller, tenant } = await place();
      await update(tenant, { scope: { mailboxId }, set: { sizeLimitBytes: 40_000_000, recipientsPerHour: 0 } });
      const limits = { sizeLimitBytes: { max: 1_000_000 }, recipientsPerHour: { max: 50 } };
      await update(reseller, { scope: { resellerId }, limits });
      const shown = await update(tenant, { scope: { mailboxId }, set: { quarantineDays: 3 } });
      assert.equal(settingOf(shown, "sizeLimitBytes")?.value, 1_000_000);
      assert.equal(settingOf(shown, "recipientsPerHour")?.value, 50, "0 = no limit is the largest");
      assert.deepEqual(settingOf(shown, "sizeLimitBytes")?.limit?.bound, { max: 1_000_000 });
      const problems = await update(tenant, { scope: { tenantId }, set: { recipientsPerHour: 0 } });
      assert.deepEqual(codes(problems), ["SETTING_OUT_OF_BOUND"]);
      await update(reseller, { scope: { resellerId }, unsetLimits: ["sizeLimitBytes"], limits: {} });
      const back = await update(tenant, { scope: { mailboxId }, unset: ["recipientsPerHour"] });
      assert.equal(settingOf(back, "sizeLimitBytes")?.value, 40_000_000);
      await update(reseller, { scope: { resellerId }, limits: { sizeLimitBytes: { locked: true } } });
      assert.deepEqual(codes(await update(tenant, { scope: { mailboxId }, unset: ["sizeLimitBytes"] })), []);
    });

    test("bad limits are refused with their place, and nothing of the command is recorded", async () => {
      const { resellerId, tenantId, mailboxId, reseller, tenant } = await place();
      const before = await count(house.world.store);
      const cases: readonly (readonly [input: Record<string, unknown>, code: string, path: readonly string[]])[] = [
        [{ limits: { sizeLimitBytes: { min: 9, max: 70_000 } } }, "LIMIT_INVALID", ["limits", "sizeLimitBytes"]],
        [{ limits: { relayMode: { allowed: ["all"] } } }, "LIMIT_INVALID", ["limits", "relayMode"]],
        [{ limits: { relayMode: { locked: false } } }, "LIMIT_INVALID", ["limits", "relayMode"]],
        [{ limits: { rules: { max: 3 } } }, "LIMIT_INVALID", ["limits", "rules"]],
        [{ limits: { vrfy: { locked: true } } }, "LIMIT_INVALID", ["limits", "vrfy"]],
        [{ limits: { nope: { locked: true } } }, "SETTING_UNKNOWN", ["limits", "nope"]],
        [{ limits: { spf: null } }, "LIMIT_INVALID", ["limits", "spf"]],
        [{ limits: [] }, "INVALID_INPUT", ["limits"]],
        [{ limits: "spf" }, "INVALID_INPUT", ["limits"]],
        [{ unsetLimits: ["nope"] }, "SETTING_UNKNOWN", ["unsetLimits"]],
        [{ limits: { spf: { locked: true } }, unsetLimits: ["spf"] }, "INVALID_INPUT", ["unsetLimits"]],
      ];
      for (const [input, code, path] of cases) {
        const sound = { set: { junkAction: "tag" } };
        const { errors } = await update(reseller, { scope: { resellerId }, ...sound, ...input });
        assert.deepEqual([errors[0]?.code, errors[0]?.path], [code, path], JSON.stringify(input));
      }
      const atLeaf = await update(tenant, { scope: { mailboxId }, limits: { greylist: { locked: true } } });
      assert.deepEqual(codes(atLeaf), ["LIMIT_INVALID"], "there is nothing below a mailbox");
      const tooLow = await update(tenant, { scope: { tenantId }, limits: { relayMode: { locked: true } } });
      assert.deepEqual(codes(tooLow), ["LIMIT_INVALID"], "no scope below a tenant sets relayMode");
      assert.equal(await count(house.world.store), before);
    });

    test("dryRun decides and writes nothing; a retry replays, even under a lock that came later", async () => {
      const { resellerId, tenantId, reseller, tenant } = await place();
      const before = await count(house.world.store);
      const lock = { scope: { resellerId }, limits: { spf: { locked: true } } };
      const dry = await update(reseller, { ...lock, dryRun: true });
      assert.deepEqual(
        [codes(dry), dry.receipt?.dryRun, dry.receipt?.events.map(({ type }) => type)],
        [[], true, ["PolicyLimitsChanged"]],
      );
      assert.equal(await count(house.world.store), before);
      const choice = { scope: { tenantId }, set: { spf: "off" }, commandId: "c1" };
      const first = await update(tenant, choice);
      const limiting = await update(reseller, { ...lock, commandId: "l1" });
      const again = await update(tenant, choice);
      assert.deepEqual([again.receipt?.replayed, again.receipt?.events], [true, first.receipt?.events]);
      assert.deepEqual(codes(await update(tenant, { ...choice, dryRun: true, commandId: "c2" })), ["SETTING_LOCKED"]);
      const replayed = await update(reseller, { ...lock, commandId: "l1" });
      assert.deepEqual([replayed.receipt?.replayed, replayed.receipt?.events], [true, limiting.receipt?.events]);
      const other = await update(reseller, { ...lock, limits: { spf: { allowed: ["off"] } }, commandId: "l1" });
      assert.deepEqual(codes(other), ["COMMAND_REUSED"]);
    });

    test("the platform may unlock and set in one command; below, a lock and a missing unlock are told apart", async () => {
      const { tenantId, tenant } = await place();
      const open = { unlocks: ["anyone"], relayMode: "anyone" };
      assert.deepEqual(codes(await update(platformCaller, { scope: { platform: true }, set: open })), []);
      const later = { scope: { platform: true }, set: { relayMode: "none" } };
      assert.deepEqual(codes(await update(platformCaller, later)), []);
      const again = { scope: { platform: true }, set: { relayMode: "anyone" } };
      assert.deepEqual(codes(await update(platformCaller, again)), [], "unlocked before");
      const trust = { scope: { tenantId }, set: { relayMode: "localUsers" } };
      assert.deepEqual(codes(await update(tenant, trust)), ["UNLOCK_REQUIRED"]);
      const limits = { relayMode: { allowed: ["none"] } };
      await update(platformCaller, { scope: { platform: true }, limits });
      assert.deepEqual(codes(await update(tenant, { scope: { tenantId }, set: { relayMode: "anyone" } })), [
        "SETTING_OUT_OF_BOUND",
      ]);
    });
  });

  /** Operations whose appends to a stream let others act first, once. */
  function interrupted(stream: string, act: () => Promise<unknown>) {
    const { deps } = house.world;
    const { events } = deps.journal;
    let acted = false;
    const store = new Proxy(events, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "append") return value.bind(target);
        return async (appends: Parameters<EventStore["append"]>[0]) => {
          const isIts = JSON.stringify(appends).includes(`"stream":"${stream}"`);
          if (isIts && !acted) {
            acted = true;
            await act();
          }
          return target.append(appends);
        };
      },
    });
    return createOperations({ ...deps, journal: { ...deps.journal, events: store } });
  }

  describe("a lock set at the same time", () => {
    test("between check and append: it is not lost, the value has no effect until the lock goes", async () => {
      const { resellerId, tenantId, reseller, tenant } = await place();
      const lock = () => update(reseller, { scope: { resellerId }, limits: { spf: { locked: true } } });
      const late = await interrupted(`policy-${tenantId}`, lock).policyUpdate(tenant, {
        scope: { tenantId },
        set: { spf: "off" },
      });
      const setting = settingOf(late, "spf");
      assert.deepEqual([setting?.value, setting?.setAtScope, setting?.limit?.locked], ["score", "default", true]);
      assert.deepEqual(codes(await update(tenant, { scope: { tenantId }, set: { spf: "off" } })), ["SETTING_LOCKED"]);
    });

    test("with a change of the same scope in between, the second look refuses", async () => {
      const { resellerId, tenantId, reseller, tenant } = await place();
      const both = async () => {
        await update(tenant, { scope: { tenantId }, set: { quarantineDays: 9 } });
        await update(reseller, { scope: { resellerId }, limits: { spf: { locked: true } } });
      };
      const input = { scope: { tenantId }, set: { spf: "off" } };
      const late = await interrupted(`policy-${tenantId}`, both).policyUpdate(tenant, input);
      assert.deepEqual(codes(late), ["SETTING_LOCKED"]);
    });

    test("many at once: once all have their answer, the lock is in force for all", async () => {
      const { resellerId, tenantId, domainId, mailboxId, reseller, tenant } = await place();
      const scopes = [{ tenantId }, { domainId }, { mailboxId }];
      await Promise.all([
        ...scopes.map((scope) => update(tenant, { scope, set: { junkAction: "folder", greylist: 300 } })),
        update(reseller, {
          scope: { resellerId },
          set: { junkAction: "tag" },
          limits: { junkAction: { locked: true } },
        }),
        ...scopes.map((scope) => update(tenant, { scope, set: { junkAction: "header" } })),
      ]);
      for (const scope of scopes) {
        const shown = await update(tenant, { scope, set: {} });
        assert.equal(settingOf(shown, "junkAction")?.value, "tag");
        assert.equal(settingOf(shown, "greylist")?.value, 300);
      }
    });
  });

  describe("places and rules", () => {
    test("a tenant never reaches above itself, whatever it sends", async () => {
      const { resellerId, tenantId, tenant } = await place();
      const nobody = "rsl_01m85y99paedyscby2a2jfjh4j";
      const before = await count(house.world.store);
      for (const change of [{ set: { spf: "off" } }, { limits: { spf: { locked: true } } }, { unsetLimits: ["spf"] }]) {
        const own = await update(tenant, { scope: { resellerId }, ...change });
        assert.deepEqual(own, await update(tenant, { scope: { resellerId: nobody }, ...change }));
        assert.deepEqual(codes(own), ["NOT_FOUND"]);
        await assert.rejects(update(tenant, { scope: { platform: true }, ...change }), OperationForbidden);
        const several = await update(tenant, { scope: { tenantId, resellerId }, ...change });
        assert.deepEqual(codes(several), ["INVALID_INPUT"]);
      }
      assert.equal(await count(house.world.store), before);
    });

    test("rules: all that is wrong, each at its place; the canonical form is stored; a lock above is respected", async () => {
      const { resellerId, mailboxId, tenant, reseller } = await place();
      const scope = { mailboxId };
      const all = [{ value: "news", operator: "contains", field: "subject" }];
      const rule = { actions: [{ folder: "News", do: "file" }], enabled: true, all, name: "News" };
      const bad = [rule, { ...rule, all: [{ field: "colour" }] }, { ...rule, name: "x", actions: [] }];
      const refused = await update(tenant, { scope, set: { rules: bad, spamScanner: true } });
      assert.ok(codes(refused).every((code) => code === "RULE_INVALID"));
      const paths = refused.errors.map(({ path }) => path?.join("."));
      for (const path of ["set.rules.1.all.0.field", "set.rules.2.actions"])
        assert.ok(paths.includes(path), `${paths}`);
      const taken = await update(tenant, { scope, set: { rules: [rule] } });
      const canonical = { name: "News", all: [{ field: "subject", operator: "contains", values: ["news"] }] };
      assert.deepEqual(settingOf(taken, "rules")?.value, [{ ...canonical, actions: [{ do: "file", folder: "News" }] }]);
      await update(reseller, { scope: { resellerId }, limits: { rules: { locked: true } } });
      assert.deepEqual(codes(await update(tenant, { scope, set: { rules: [rule] } })), ["SETTING_LOCKED"]);
      assert.deepEqual(codes(await update(tenant, { scope, unset: ["rules"] })), []);
    });
  });
});
