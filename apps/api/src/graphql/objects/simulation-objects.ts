import type { AffectedSender, MatrixCell, SimulationSample } from "@mailfold/policy";
import { type SimulationState, type SimulationView, simulationStates } from "../../simulation/simulation-jobs.ts";
import { builder } from "../builder.ts";
import { userErrorRef } from "../mutations/payload.ts";

const stateEnum = builder.enumType("SimulationState", {
  description:
    "STOPPED: at the deadline of 10 minutes; its numbers are of the verdicts looked at until then, the oldest first.",
  values: [...simulationStates] as SimulationState[],
});

const cellRef = builder.objectRef<MatrixCell>("SimulationCell").implement({
  description:
    "So many verdicts went from one outcome to another: an action (`accept`, `junk`, ...), or `reaches-data`: refused before DATA, would have been let in that far.",
  fields: (t) => ({
    from: t.exposeString("from"),
    to: t.exposeString("to"),
    count: t.expose("count", { type: "Long" }),
  }),
});

const senderRef = builder.objectRef<AffectedSender>("SimulationSender").implement({
  fields: (t) => ({
    sender: t.exposeString("sender", { description: "Empty = the null sender." }),
    count: t.expose("count", { type: "Long", description: "Verdicts that turn." }),
    blocked: t.expose("blocked", { type: "Long", description: "Of these, taken without the change." }),
    freed: t.expose("freed", { type: "Long", description: "Of these, taken with it." }),
  }),
});

const sampleRef = builder.objectRef<SimulationSample>("SimulationSample").implement({
  description: "A recorded verdict that turns or cannot be decided; explain it by its reference.",
  fields: (t) => ({
    reference: t.exposeID("verdictId"),
    at: t.expose("at", { type: "DateTime" }),
    sender: t.string({ nullable: true, resolve: ({ sender }) => sender ?? null }),
    recipient: t.string({ nullable: true, resolve: ({ recipient }) => recipient ?? null }),
    recorded: t.exposeString("recorded", { description: "The action that was recorded." }),
    reason: t.exposeString("reason", { description: "The reason that was recorded." }),
    from: t.exposeString("from"),
    to: t.string({ nullable: true, description: "Null: undecidable.", resolve: ({ to }) => to ?? null }),
  }),
});

const conflictsRef = builder
  .objectRef<{ readonly count: number; readonly samples: readonly SimulationSample[] }>("SimulationConflicts")
  .implement({
    description:
      "Mail that its users rescued (marked as no spam, or let out of quarantine) and that would be kept from them.",
    fields: (t) => ({
      count: t.expose("count", { type: "Long" }),
      samples: t.field({ type: [sampleRef], resolve: ({ samples }) => [...samples] }),
    }),
  });

/** A change that is tried on recorded traffic. */
export const simulationRef = builder.objectRef<SimulationView>("Simulation").implement({
  description: "A change tried on recorded traffic. Numbers are 0 and lists empty until it is DONE or STOPPED.",
  fields: (t) => ({
    id: t.exposeID("simulationId"),
    state: t.field({ type: stateEnum, resolve: ({ state }) => state }),
    startedAt: t.expose("startedAt", { type: "DateTime" }),
    from: t.field({ type: "DateTime", resolve: ({ request }) => request.from }),
    to: t.field({ type: "DateTime", resolve: ({ request }) => request.to }),
    rows: t.expose("rows", { type: "Long", description: "Recorded verdicts looked through so far ..." }),
    rowsTotal: t.expose("rowsTotal", { type: "Long", description: "... of so many in all." }),
    isComplete: t.boolean({
      description: "Its numbers are of all verdicts that were asked for; false also before it is over.",
      resolve: ({ state }) => state === "DONE",
    }),
    verdicts: t.field({
      type: "Long",
      description: "Verdicts of the scope's subtree and the time: those in the matrix and the undecidable ones.",
      resolve: ({ result }) => result?.rows ?? 0,
    }),
    changed: t.field({ type: "Long", resolve: ({ result }) => result?.changed ?? 0 }),
    matrix: t.field({ type: [cellRef], resolve: ({ result }) => [...(result?.matrix ?? [])] }),
    topAffected: t.field({ type: [senderRef], resolve: ({ result }) => [...(result?.topAffected ?? [])] }),
    sendersAreExact: t.boolean({
      description: "False: there are so many senders that those with few mails were not all counted.",
      resolve: ({ result }) => result?.sendersAreExact ?? true,
    }),
    samples: t.field({ type: [sampleRef], resolve: ({ result }) => [...(result?.samples ?? [])] }),
    conflicts: t.field({ type: conflictsRef, resolve: ({ result }) => result?.conflicts ?? { count: 0, samples: [] } }),
    undecidable: t.field({
      type: "Long",
      description: "The change asks for what was not recorded: a look-up not made then, or the message itself.",
      resolve: ({ result }) => result?.undecidable ?? 0,
    }),
    reachesData: t.field({ type: "Long", resolve: ({ result }) => result?.reachesData ?? 0 }),
    drifted: t.field({
      type: "Long",
      description:
        "Of those that turn, how many the policy in force would not have judged as recorded even without the change.",
      resolve: ({ result }) => result?.drifted ?? 0,
    }),
    error: t.field({ type: userErrorRef, nullable: true, resolve: ({ error }) => error ?? null }),
  }),
});
