import { type Letter, type Reply, sendLetter } from "./smtp-dialogue.ts";

const patienceMs = 20_000;

/** Sends as a real client does: told 421 it comes again, as a busy machine sheds load. Answers the last reply. */
export async function sendPatiently(options: Parameters<typeof sendLetter>[0], letter: Letter): Promise<Reply> {
  for (const deadline = Date.now() + patienceMs; ; ) {
    const { final } = await sendLetter(options, letter);
    if (![0, 421].includes(final.code) || Date.now() > deadline) return final;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
