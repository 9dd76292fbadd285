import { openImap } from "./imap-reader.ts";
import { sendPatiently } from "./patient-sender.ts";
import type { Platform } from "./platform.ts";

/** Those who write to a mailbox and those who write from it; `ports` is asked at each letter. */
export function correspondents(ports: () => Platform["ports"]) {
  let letters = 0;
  /** A letter from the outside; answers the last reply's code and text, and the Message-ID it had. */
  async function fromOutside(to: string) {
    letters += 1;
    const id = `<in${letters}@sender.example>`;
    const message = `From: friend@sender.example\nTo: ${to}\nMessage-ID: ${id}\nSubject: in\n\nhello ${letters}\n`;
    const reply = await sendPatiently({ port: ports().smtp }, { from: "friend@sender.example", to: [to], message });
    return { ...reply, id };
  }
  /** A letter sent with a login through submission over STARTTLS. */
  async function submit(login: { address: string; password: string }, to: string) {
    letters += 1;
    const message = `From: <${login.address}>\nTo: <${to}>\nMessage-ID: <out${letters}@x.test>\nSubject: out\n\nhello\n`;
    const options = { port: ports().submission, startTls: true };
    return sendPatiently(options, { from: login.address, to: [to], message, login });
  }
  const canLogIn = (login: { address: string; password: string }) =>
    openImap(ports().imap, login).then(
      (client) => client.logout().then(() => true),
      () => false,
    );
  return { fromOutside, submit, canLogIn };
}
