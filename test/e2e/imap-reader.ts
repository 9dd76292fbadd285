import { ImapFlow } from "imapflow";
import type { MailboxLogin } from "./provision.ts";

/** A logged-in imapflow client; the caller logs out. */
export async function openImap(
  port: number,
  login: Pick<MailboxLogin, "address" | "password">,
  more: Record<string, unknown> = {},
): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: "127.0.0.1",
    port,
    secure: false,
    doSTARTTLS: true,
    tls: { rejectUnauthorized: false },
    auth: { user: login.address, pass: login.password },
    logger: false,
    ...more,
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** How often each Message-ID is in a folder. */
export async function messageIdCounts(
  port: number,
  login: MailboxLogin,
  folder = "INBOX",
): Promise<ReadonlyMap<string, number>> {
  const client = await openImap(port, login);
  const counts = new Map<string, number>();
  try {
    await client.mailboxOpen(folder, { readOnly: true });
    if (client.mailbox !== false && client.mailbox.exists > 0) {
      for await (const message of client.fetch("1:*", { envelope: true })) {
        const id = message.envelope?.messageId ?? "";
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    }
  } finally {
    await client.logout();
  }
  return counts;
}
