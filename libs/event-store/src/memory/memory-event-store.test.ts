import { contractCodec, eventStoreContract } from "../event-store-contract.ts";
import { openMemoryEventStore } from "./memory-event-store.ts";

eventStoreContract("memory", async () => {
  const store = await openMemoryEventStore({ codec: contractCodec, clock: { now: () => Date.UTC(2026, 10, 24) } });
  return { store, close: () => store.close() };
});
