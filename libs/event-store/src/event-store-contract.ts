import { describe } from "node:test";
import { appendContract } from "./contract/append-contract.ts";
import type { ContractTools, StoreAbilities, StoreHarness } from "./contract/contract-fixtures.ts";
import { readContract } from "./contract/read-contract.ts";
import { subscriptionContract } from "./contract/subscription-contract.ts";

export {
  contractCodec,
  contractEvent,
  type StoreAbilities,
  type StoreHarness,
} from "./contract/contract-fixtures.ts";

/** What every adapter of the log promises, as tests. */
export function eventStoreContract(
  name: string,
  makeStore: () => Promise<StoreHarness>,
  abilities: StoreAbilities = {},
): void {
  const tools: ContractTools = {
    makeStore,
    can: { replaysAny: true, expires: true, deletesStreams: true, distanceCounts: true, ...abilities },
    withStore: async (work) => {
      const harness = await makeStore();
      try {
        await work(harness.store, harness);
      } finally {
        await harness.close();
      }
    },
  };
  describe(`event store: ${name}`, () => {
    appendContract(tools);
    readContract(tools);
    subscriptionContract(tools);
  });
}
