import { parseId, uuidFromId } from "@mailfold/ids";
import type { Position } from "@mailfold/kernel";
import {
  type HeldCopy,
  type HeldWhere,
  heldCopiesQuery,
  heldCopyOf,
  quarantine,
} from "@mailfold/projection-quarantine";
import type { ReadStore } from "@mailfold/read-store";
import { type Caller, mayReach } from "../caller.ts";

/** Held copies of one caller's subtree. */
export interface HeldCopies {
  /** By the API's id, `hld_...`. */
  find(id: string): HeldCopy | undefined;
  /** Newest first; `before` is exclusive, `at` = now. */
  list(
    where: HeldWhere,
    page: { readonly first: number; readonly before?: Position | undefined; readonly at: number },
  ): Promise<readonly HeldCopy[]>;
}

/** Reads the quarantine for a caller; foreign copies are missing ones. */
export function createHeldCopies(rows: ReadStore, caller: Caller): HeldCopies {
  return {
    find(id) {
      const holdId = parseId("hold", id);
      const row = holdId && rows.get(quarantine, "holds", { holdId: uuidFromId(holdId) });
      const copy = row && heldCopyOf(row);
      return copy && mayReach(caller, copy) ? copy : undefined;
    },
    async list(where, { first, before, at }) {
      const query = heldCopiesQuery(where, { limit: first, before, at });
      const found = await rows.selectAsync(quarantine, "holds", query);
      return found.map(heldCopyOf).filter((copy) => mayReach(caller, copy));
    },
  };
}
