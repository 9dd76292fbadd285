import type { RecordedEvent } from "@mailfold/kernel";
import { admits, classesAdmitted, feedFilter } from "../../feed/feed-scope.ts";
import { showEvent } from "../../feed/show-event.ts";
import type { ApiContext } from "../api-context.ts";
import { apiError } from "../api-error.ts";
import { builder } from "../builder.ts";
import { auditEventRef } from "../objects/audit-objects.ts";
import { auditWhere, readAfter, toFeedWhere } from "./audit-queries.ts";

interface Delivered {
  readonly event: RecordedEvent;
  readonly caughtUp: boolean;
}

const edgeRef = builder.objectRef<Delivered>("AuditEventDelivery").implement({
  description: "An event as it comes; reconnect with `after: cursor` and nothing is missed or repeated.",
  fields: (t) => ({
    cursor: t.string({ resolve: ({ event }, _args, { api }) => api.cursors.format(event.position) }),
    node: t.field({ type: auditEventRef, resolve: ({ event }) => event }),
    caughtUp: t.exposeBoolean("caughtUp", { description: "Everything before it has been delivered; it came live." }),
  }),
});

/** A stream ends when its client does; nobody can say when that is. */
const retryAfterSeconds = 10;
const open = new WeakMap<object, Map<string, number>>();

/** Counts a subject's open streams of one API; throws THROTTLED beyond the limit. Answers how to give the place back. */
export function takePlace({ api, caller, left }: ApiContext): () => void {
  const counts = open.get(api) ?? new Map<string, number>();
  open.set(api, counts);
  const count = counts.get(caller.subject) ?? 0;
  if (count >= api.limits.sseStreamsPerSubject) {
    const http = { status: 429, headers: { "retry-after": String(retryAfterSeconds) } };
    throw apiError("THROTTLED", "Too many subscriptions of one token.", { http });
  }
  counts.set(caller.subject, count + 1);
  let held = true;
  const leave = () => {
    if (!held) return;
    held = false;
    const left = (counts.get(caller.subject) ?? 1) - 1;
    if (left > 0) counts.set(caller.subject, left);
    else counts.delete(caller.subject);
  };
  // A client may go before the first event is pulled; then no generator runs that could give the place back.
  left.addEventListener("abort", leave, { once: true });
  return leave;
}

builder.subscriptionField("auditEvents", (t) =>
  t.field({
    type: edgeRef,
    description: "Events of the caller's subtree, from a position (default: now) and then live, over SSE.",
    args: { after: t.arg.string(), where: t.arg({ type: auditWhere }) },
    resolve: (delivered) => delivered as Delivered,
    subscribe: async (_root, args, context) => {
      const where = toFeedWhere(args.where);
      const store = context.api.deps.journal.events;
      const after = args.after ? await readAfter(context, args.after, classesAdmitted(where)) : await store.head();
      return follow(context, { after, where, leave: takePlace(context) });
    },
  }),
);

/** Pulls from the log as fast as the client reads; ends when the client leaves or the token no longer holds. */
async function* follow(
  context: ApiContext,
  options: {
    readonly after: Awaited<ReturnType<typeof readAfter>>;
    readonly where: ReturnType<typeof toFeedWhere>;
    readonly leave: () => void;
  },
): AsyncGenerator<Delivered> {
  const { api, caller } = context;
  const { after, where } = options;
  const stop = new AbortController();
  const recheck = setInterval(() => {
    if (!api.authentication.stillHolds(caller)) stop.abort();
  }, api.limits.feedRecheckMs);
  let caughtUp = false;
  try {
    const filter = feedFilter(where);
    // Waiting for the next event must end when the client goes: nothing else wakes it.
    const signal = AbortSignal.any([stop.signal, context.left]);
    for await (const message of api.deps.journal.events.subscribe({ after, filter, signal })) {
      if (!api.authentication.stillHolds(caller)) return;
      if (message.type === "caughtUp") caughtUp = true;
      if (message.type === "fellBehind") caughtUp = false;
      if (message.type === "event" && admits(caller, where, message.event)) {
        yield { event: showEvent(api.deps, caller, message.event), caughtUp };
      }
    }
  } finally {
    clearInterval(recheck);
    stop.abort();
    options.leave();
  }
}
