import { createHash } from "node:crypto";
import type { BodyRef } from "@mailfold/events";
import { existingFolder } from "../mailbox/folder-names.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { BadSyntax, type CommandParser, Refused } from "../wire/command-parser.ts";
import { parseImapDateTime } from "../wire/format.ts";
import { type Command, ok } from "./command.ts";
import { checkedFlags, refuseTooManyKeywords } from "./flags.ts";
import { refuseOverQuota } from "./quota.ts";

/** RFC 3501 section 6.3.11 with APPENDUID (RFC 4315 section 3). OK means durable. */
export const append: Command = {
  names: ["APPEND"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.sp();
    const name = parser.mailbox();
    parser.sp();
    const flags = parser.peek("(") ? parseFlags(parser) : [];
    const internalDate = parser.peek('"') ? parseDate(parser) : session.deps.clock.now();
    const bytes = parser.literal();
    parser.end();
    const { access, deps } = session;
    if (bytes.length === 0) throw new Refused("A message without octets cannot be stored");
    if (bytes.length > sizeLimitBytes(session)) throw new Refused("Message too big", "TOOBIG");
    const folder = existingFolder(access.state, name, "TRYCREATE");
    refuseOverQuota(access, bytes.length);
    refuseTooManyKeywords(folder, flags, session.limits.keywordsMax);
    const ref: BodyRef = {
      tenantId: access.account.tenantId,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      sizeBytes: bytes.length,
    };
    const data = {
      deliveryId: deps.ids.uuidV7(),
      folder: { id: folder.folderId },
      body: ref,
      prefix: "",
      sizeBytes: bytes.length,
      internalDate,
      flags,
    };
    const [result] = await access.commit([{ type: "MessageDelivered", data }], [{ ref, bytes }]);
    const outcome = result?.outcome;
    if (outcome?.type !== "delivered" || outcome.folderId !== folder.folderId) return ok("APPEND completed");
    return ok("APPEND completed", `APPENDUID ${outcome.uidValidity} ${outcome.uid}`);
  },
};

function parseFlags(parser: CommandParser): string[] {
  const flags = checkedFlags(parser.list(() => parser.flag(), 64));
  parser.sp();
  return flags;
}

function parseDate(parser: CommandParser): number {
  const at = parseImapDateTime(parser.string().toString("latin1"));
  if (at === undefined) throw new BadSyntax("Bad date-time");
  parser.sp();
  return at;
}

/** The domain's own limit where policy sets one. */
function sizeLimitBytes({ deps, access }: ImapSession): number {
  const policy = deps.policy.current();
  const { resellerId, tenantId, domainId, mailboxId } = access.account;
  const effective = policy.effective({ resellerId, tenantId, domainId, mailboxId });
  const set = effective.find(({ name }) => name === "sizeLimitBytes")?.value;
  return typeof set === "number" ? set : policy.listener().sizeLimitBytes;
}
