import type { Decider, ResellerId } from "@mailfold/kernel";
import { assert, record, refuse } from "@mailfold/kernel";
import { checkText, firstRefusal, present } from "../input-text.ts";
import type { RefusalCode } from "../refusals.ts";
import type { ResellerEvent } from "./events.ts";

/** `externalIdTaken` is a fact from the directory. */
export interface CreateReseller {
  readonly type: "CreateReseller";
  readonly resellerId: ResellerId;
  readonly name: string;
  readonly externalId?: string;
  readonly externalIdTaken: boolean;
}
export type ResellerCommand = CreateReseller;
export interface ResellerState {
  readonly exists: boolean;
}

/** Stream `reseller-<id>`. */
export const reseller: Decider<ResellerCommand, ResellerEvent, ResellerState, RefusalCode> = {
  name: "reseller",
  initialState: { exists: false },
  decide(command, state) {
    if (state.exists) return refuse("ALREADY_EXISTS", "this reseller exists");
    const refused = firstRefusal(checkText("name", command.name, true), checkText("externalId", command.externalId));
    if (refused !== undefined) return { refused };
    if (command.externalIdTaken) {
      return refuse("EXTERNAL_ID_TAKEN", "another reseller has this externalId", { path: ["externalId"] });
    }
    const { resellerId, name, externalId } = command;
    return record({ type: "ResellerCreated", data: present({ resellerId, name, externalId }) });
  },
  evolve(state) {
    assert(!state.exists, "a reseller is created once");
    return { exists: true };
  },
};
