import { settingLine } from "./check-sender.ts";
import { ask, type Finding, type Judging, note, refuse } from "./judging.ts";
import type { PeerStanding } from "./peer-standing.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";

/**
 * Whether a new combination of sender's network, sender and recipient has waited long enough; last of all at RCPT, since
 * asking remembers it. Asks for `greylist` in that phase only.
 */
export function checkGreylist(judging: Judging, chain: ScopeChain, standing: PeerStanding): Finding | undefined {
  if (standing !== "foreign") return undefined;
  const { facts, phase, state } = judging;
  const delaySeconds = settingValue(state, chain, "greylist") as number;
  if (delaySeconds === 0) return undefined;
  const { greylist } = facts;
  if (greylist === undefined) {
    if (phase === "rcpt") ask(judging, "greylist", { greylistDelaySeconds: delaySeconds });
    return undefined;
  }
  const isEarly = greylist.status === "new" || greylist.status === "early";
  const since = greylist.firstSeenAt === undefined ? "" : `, first seen ${greylist.firstSeenAt}`;
  const detail = `${greylist.status}${since}, delay ${delaySeconds} s`;
  if (isEarly) {
    const line = settingLine(judging, chain, "greylist", { step: "greylist", outcome: "refuse", detail });
    return refuse(judging, "greylisted", "rcpt", line);
  }
  note(judging, () => settingLine(judging, chain, "greylist", { step: "greylist", outcome: "pass", detail }));
  return undefined;
}
