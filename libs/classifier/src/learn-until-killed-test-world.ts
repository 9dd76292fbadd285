import type { MailboxId, TenantId } from "@mailfold/kernel";
import { openMarkStore } from "./sqlite-mark-store.ts";

/** The n-th mark of the log: 50 messages, whose marks change sides now and then. */
export function markOf(n: number) {
  const messageKey = `m${n % 50}`;
  const kind = Math.floor(n / 50) % 3 === 0 ? ("spam" as const) : ("ham" as const);
  const position = String(n).padStart(8, "0");
  return { tenantId: "ten_1" as TenantId, mailboxId: "mbx_1" as MailboxId, messageKey, kind, position, day: 20_000 };
}

export const tokensOf = (messageKey: string) => [
  "b:all",
  ...Array.from({ length: 40 }, (_, n) => `b:${messageKey}-${n}`),
];

// Run as a program, path and last mark given: learns from the store's checkpoint on, until it is done or killed.
if (import.meta.main) {
  const [path = "", last = "0"] = process.argv.slice(2);
  const { store } = openMarkStore(path, { tokensMax: 100_000, epoch: "e" });
  process.stdout.write("started\n");
  for (let n = Number(store.checkpoint() || 0) + 1; n <= Number(last); n += 1) {
    const mark = markOf(n);
    store.learn(mark, tokensOf(mark.messageKey));
  }
  process.stdout.write("done\n");
  store.close();
}
