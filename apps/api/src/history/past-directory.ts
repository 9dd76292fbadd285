import type { MailboxId, Position } from "@mailfold/kernel";
import { type Directory, directoryAt } from "@mailfold/projection-directory";
import type { OperationDeps } from "../ports.ts";

/** Which directory each record of the past was read from, so that what it leads to is read from the same one. */
const readFrom = new WeakMap<object, Directory>();

/** The directory as it stood at a position. Its records know that they are of the past: see directoryOf. */
export function pastDirectory(deps: Pick<OperationDeps, "rows" | "directory">, position: Position): Directory {
  const usedBytes = (id: MailboxId) => deps.directory.mailbox(id)?.usedBytes ?? 0;
  const past: Directory = new Proxy(directoryAt(deps.rows, position, usedBytes), {
    get(directory, name) {
      const member: unknown = Reflect.get(directory, name, directory);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]) => {
        const answer: unknown = Reflect.apply(member, directory, args);
        for (const record of Array.isArray(answer) ? answer : [answer]) {
          if (typeof record === "object" && record !== null) readFrom.set(record, past);
        }
        return answer;
      };
    },
  });
  return past;
}

/** The directory that a record was read from: today's, or that of the time it shows. */
export function directoryOf(deps: Pick<OperationDeps, "directory">, record: object): Directory {
  return readFrom.get(record) ?? deps.directory;
}
