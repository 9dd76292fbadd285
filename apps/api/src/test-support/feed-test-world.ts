import { after, before } from "node:test";
import { createOperations } from "../operations/create-operations.ts";
import type { Operations } from "../operations/operations.ts";
import type { RunningApi } from "../ports.ts";
import { type ApiWorld, createApiWorld, platformCaller, startTestApi } from "./api-test-world.ts";
import { FeedClient } from "./feed-client-test-world.ts";

/** One API with short feed limits for the tests of one `describe`, and who asks it. */
export function feedWorld() {
  const clients: FeedClient[] = [];
  const house = {
    world: undefined as unknown as ApiWorld,
    api: undefined as unknown as RunningApi & { url: string },
    operations: undefined as unknown as Operations,
    open,
    tenant,
    tokenOf,
  };
  let resellerId: string;

  before(async () => {
    house.world = await createApiWorld();
    const limits = { feedHelloMs: 300, feedRecheckMs: 50, feedHeartbeatMs: 200, feedSubscriptionsPerSocket: 3 };
    house.api = await startTestApi(house.world, { limits });
    house.operations = createOperations(house.world.deps);
    resellerId = (await house.operations.resellerCreate(platformCaller, { name: "ISP" })).value?.resellerId ?? "";
  });
  after(async () => {
    for (const client of clients) client.socket.terminate();
    await house.api.close();
    await house.world.close();
  });

  function open(headers: Record<string, string> = {}): FeedClient {
    const client = new FeedClient(house.api.url, headers);
    clients.push(client);
    return client;
  }
  async function tenant(name: string) {
    const outcome = await house.operations.tenantCreate(platformCaller, { resellerId, name });
    return outcome.value?.tenantId ?? "";
  }
  async function tokenOf(tenantId: string) {
    const outcome = await house.operations.tokenCreate(platformCaller, { name: "t", scope: { tenantId } });
    return { secret: outcome.value?.secret ?? "", tokenId: outcome.value?.token?.tokenId ?? "" };
  }
  return house;
}
