import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contractCodec, eventStoreContract } from "../event-store-contract.ts";
import { openSqliteEventStore } from "./sqlite-event-store.ts";

eventStoreContract("sqlite", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mailfold-log-"));
  const open = () =>
    openSqliteEventStore({
      path: join(directory, "log.db"),
      codec: contractCodec,
      clock: { now: () => Date.UTC(2026, 10, 24) },
    });
  let store = await open();
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    close: async () => {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});
