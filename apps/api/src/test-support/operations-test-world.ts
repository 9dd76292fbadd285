import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";
import type { EventStore } from "@mailfold/event-store";
import type { Caller } from "../caller.ts";
import { createOperations } from "../operations/create-operations.ts";
import type { Operations } from "../operations/operations.ts";
import { type ApiWorld, createApiWorld, platformCaller } from "./api-test-world.ts";

export const codes = (outcome: { errors: readonly { code: string }[] }) => outcome.errors.map((error) => error.code);

export async function count(store: EventStore): Promise<number> {
  let seen = 0;
  for await (const _event of store.readAll()) seen += 1;
  return seen;
}

/** A house and its operations, new for each test of one `describe`. */
export function operationsWorld() {
  const house = {
    world: undefined as unknown as ApiWorld,
    operations: undefined as unknown as Operations,
    tenantWithDomain,
  };
  beforeEach(async () => {
    house.world = await createApiWorld();
    house.operations = createOperations(house.world.deps);
  });
  afterEach(() => house.world.close());

  async function tenantWithDomain(caller: Caller = platformCaller, name = "demo.example") {
    const { operations } = house;
    const reseller = await operations.resellerCreate(platformCaller, { name: "ISP" });
    const resellerId = reseller.value?.resellerId ?? "";
    const tenant = await operations.tenantCreate(caller, { resellerId, name: "Demo" });
    const tenantId = tenant.value?.tenantId ?? "";
    const domain = await operations.domainAdd(caller, { tenantId, name });
    assert.deepEqual(codes(domain), []);
    return { resellerId, tenantId, domainId: domain.value?.domainId ?? "" };
  }
  return house;
}
