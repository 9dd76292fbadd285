import type { SimulationView } from "../../simulation/simulation-jobs.ts";
import type { ApiContext } from "../api-context.ts";
import { builder } from "../builder.ts";
import { simulationRef } from "../objects/simulation-objects.ts";
import { takePlace } from "./audit-subscription.ts";

builder.subscriptionField("simulationProgress", (t) =>
  t.field({
    type: simulationRef,
    description:
      "A simulation now and as it goes on, until it is over. Ends at once when this token has begun none of this id.",
    args: { id: t.arg.id({ required: true }) },
    resolve: (view) => view as SimulationView,
    subscribe: (_root, { id }, context) => follow(context, id, takePlace(context)),
  }),
);

async function* follow(context: ApiContext, id: string, leave: () => void): AsyncGenerator<SimulationView> {
  const { api, caller, left } = context;
  try {
    for await (const view of api.simulations.watch(caller, id, left)) {
      if (!api.authentication.stillHolds(caller)) return;
      yield view;
    }
  } finally {
    leave();
  }
}
