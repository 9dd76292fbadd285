import { test } from "node:test";
import { startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { sharedServerView } from "../../../../test/doubles/kurrentdb/shared-server-view.ts";
import { contractCodec, eventStoreContract, type StoreHarness } from "../event-store-contract.ts";
import { openKurrentEventStore } from "./kurrent-event-store.ts";

const clock = { now: () => Date.UTC(2026, 10, 24, 12) };
const common = { codec: contractCodec, clock, appendTimeoutMs: 1_500, idleMs: 40 };
const abilities = { distanceCounts: false };

async function overDouble(): Promise<StoreHarness> {
  const server = await startKurrentDouble();
  const open = () =>
    openKurrentEventStore({ ...common, connectionString: `kurrentdb://127.0.0.1:${server.port}?tls=false` });
  let store = await open();
  return {
    store,
    reopen: async () => {
      await store.close();
      await server.stop();
      server.log.forgetRecentIds();
      await server.start();
      store = await open();
      return store;
    },
    loseNextAnswer: () => server.faults.failAppend("lostAnswer"),
    close: async () => {
      await store.close();
      await server.close();
    },
  };
}

eventStoreContract("kurrentdb, over the protocol double", overDouble, abilities);

const connectionString = process.env.MAILFOLD_TEST_KURRENTDB;
if (connectionString === undefined) {
  test("kurrentdb, over a real server", { skip: "MAILFOLD_TEST_KURRENTDB names no server" }, () => undefined);
} else {
  const overServer = async (): Promise<StoreHarness> => {
    let store = await openKurrentEventStore({ ...common, connectionString });
    const view = await sharedServerView(store);
    return {
      store: view.over(store),
      reopen: async () => {
        await store.close();
        store = await openKurrentEventStore({ ...common, connectionString });
        return view.over(store);
      },
      close: () => store.close(),
    };
  };
  // Expiry goes by age over the whole log, so it would take what earlier runs left there.
  eventStoreContract("kurrentdb, over a real server", overServer, { ...abilities, expires: false });
}
