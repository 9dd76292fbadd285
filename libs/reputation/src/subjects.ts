import type { Evidence } from "./evidence.ts";
import { ipSubjects } from "./ip-subject.ts";

/** Who can be listed: an address, its network, an aligned domain, a sender's address in it. */
export interface Subject {
  readonly kind: "ip" | "prefix" | "domain" | "sender";
  readonly value: string;
}

/** `kind:value`: one text for each subject. */
export type SubjectKey = string;
export const subjectKey = (subject: Subject): SubjectKey => `${subject.kind}:${subject.value}`;
/** The subject of a key made by subjectKey. */
export function subjectOf(key: SubjectKey): Subject {
  const colon = key.indexOf(":");
  return { kind: key.slice(0, colon) as Subject["kind"], value: key.slice(colon + 1) };
}

/** Why evidence counts for nobody. */
export type IgnoredReason =
  | "authenticated"
  | "private"
  | "trustedRelay"
  | "causedByUs"
  | "malformed"
  | "repeated"
  | "pardoned"
  | "capped"
  | "notLearning";

/** The subjects that evidence counts for; address first, then its network, which asks how many addresses are listed. */
export function subjectsOf(evidence: Evidence): readonly Subject[] | IgnoredReason {
  if (evidence.causedBy !== undefined) return "causedByUs";
  if (evidence.peer.authenticated === true) return "authenticated";
  if (evidence.peer.trustedBy === "platform") return "trustedRelay";
  const peer = ipSubjects(evidence.peer.ip);
  if (peer.kind !== "public") return peer.kind;
  const subjects: Subject[] = [
    { kind: "ip", value: peer.ip },
    { kind: "prefix", value: peer.prefix },
  ];
  const { alignedDomain, sender } = evidence;
  if (evidence.kind === "unknownRecipient" || alignedDomain === undefined) return subjects;
  subjects.push({ kind: "domain", value: alignedDomain });
  if (sender?.endsWith(`@${alignedDomain}`)) subjects.push({ kind: "sender", value: sender });
  return subjects;
}

/** What an edge looks up for a peer and an author; private and malformed addresses have no entry. */
export function subjectsOfSender(ip: string, alignedDomain?: string, sender?: string): readonly Subject[] {
  const peer = ipSubjects(ip);
  return [
    ...(peer.kind === "public"
      ? ([
          { kind: "ip", value: peer.ip },
          { kind: "prefix", value: peer.prefix },
        ] as const)
      : []),
    ...(alignedDomain === undefined ? [] : ([{ kind: "domain", value: alignedDomain }] as const)),
    ...(sender !== undefined && alignedDomain !== undefined && sender.endsWith(`@${alignedDomain}`)
      ? ([{ kind: "sender", value: sender }] as const)
      : []),
  ];
}
