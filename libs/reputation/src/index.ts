export { decay, decaysBelow } from "./decay.ts";
export {
  type Evidence,
  type EvidenceKind,
  type EvidenceTenant,
  evidenceUnits,
  isMark,
  type Mark,
  saysSpam,
} from "./evidence.ts";
export { type IpSubjects, ipSubjects } from "./ip-subject.ts";
export { type LearningOutcome, learn, type ReputationInput } from "./learn.ts";
export { defaultLearning, type LearningSettings, learningLimits, learningProblem } from "./learning-settings.ts";
export { newReputation, type Reputation } from "./ledger.ts";
export {
  type DelistedDecision,
  type ListedDecision,
  type ListingAction,
  type ListingDecision,
  type ListingShare,
  type ListScope,
  listingAt,
} from "./listing.ts";
export type { PardonGranted, PardonLifted } from "./pardon.ts";
export { type SenderStanding, standingOf } from "./sender-standing.ts";
export { restoreReputation, type SnapshotPart, snapshotParts, snapshotVersion } from "./snapshot.ts";
export { type MailSample, shareExceeds, shareLowerBound } from "./spam-share.ts";
export {
  type IgnoredReason,
  type Subject,
  type SubjectKey,
  subjectKey,
  subjectOf,
  subjectsOfSender,
} from "./subjects.ts";
export { mailUnits, pointUnits } from "./tally.ts";
