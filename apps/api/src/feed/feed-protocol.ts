import { z } from "zod";

/** Why a feed was closed (contract.md 5); docs/reference/audit-feed.md says what a client should do. */
export const feedClose = {
  goingAway: 1001,
  badMessage: 4400,
  notAuthenticated: 4401,
  notAllowed: 4403,
  tooSlow: 4408,
  positionGone: 4410,
  tooMany: 4429,
} as const;

export const feedSubprotocol = "mailfold.audit.v1";

const text = z.string().min(1).max(256);
const list = z.array(text).min(1).max(100);

const where = z.strictObject({
  types: list.optional(),
  tenant: text.optional(),
  actor: text.optional(),
  outcome: z.enum(["success", "failure"]).optional(),
});
/** What a subscription wants; all parts must match. */
export type FeedWhere = z.infer<typeof where>;

const from = z.union([
  z.enum(["now", "start"]),
  z.strictObject({ position: z.string().max(200) }),
  z.strictObject({ time: z.iso.datetime({ offset: true }) }),
]);
/** Where a subscription begins. */
export type FeedFrom = z.infer<typeof from>;

const clientMessage = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("hello"),
    token: z.string().max(512).optional(),
    ticket: z.string().max(512).optional(),
  }),
  z.strictObject({
    type: z.literal("subscribe"),
    id: z.string().min(1).max(64),
    from: from.default("now"),
    where: where.default({}),
    window: z.int().min(1).optional(),
  }),
  z.strictObject({ type: z.literal("unsubscribe"), id: z.string().min(1).max(64) }),
  z.strictObject({ type: z.literal("ack"), id: z.string().max(64).optional(), position: z.string().max(200) }),
  z.strictObject({ type: z.literal("ping") }),
  z.strictObject({ type: z.literal("pong") }),
]);
/** What a client may say. */
export type ClientMessage = z.infer<typeof clientMessage>;

/** A client's frame as a message, or what is wrong with it. */
export function parseClientMessage(frame: string): ClientMessage | { readonly wrong: string } {
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    return { wrong: "not JSON" };
  }
  const result = clientMessage.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return { wrong: issue === undefined ? "not a message" : `${issue.path.join(".") || "message"}: ${issue.message}` };
}
