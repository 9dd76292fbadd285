import { builder } from "../builder.ts";
import { simulationRef } from "../objects/simulation-objects.ts";

builder.mutationFields((t) => ({
  simulationCancel: t.field({
    type: simulationRef,
    nullable: true,
    description: "Ends a simulation that this token began. Null when there is none.",
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { api, caller }) => api.simulations.cancel(caller, id) ?? null,
  }),
}));
