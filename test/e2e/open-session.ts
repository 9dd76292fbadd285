import { type Dialogue, type DialogueOptions, openDialogue, type Reply } from "./smtp-dialogue.ts";

export interface Session {
  readonly dialogue: Dialogue;
  readonly greeting: Reply;
  /** Answer to EHLO; the greeting again when that was no 220. */
  readonly ehlo: Reply;
}

/** Opens a session and says EHLO as `helo`. A server that sheds load for a moment (421 4.3.2) is asked again. */
export async function openSession(options: DialogueOptions & { readonly helo?: string }): Promise<Session> {
  for (let attempt = 1; ; attempt += 1) {
    const dialogue = await openDialogue(options);
    const greeting = await dialogue.reply();
    if (!greeting.text.startsWith("4.3.2") || attempt === 40) {
      const ehlo =
        greeting.code === 220 ? await dialogue.command(`EHLO ${options.helo ?? "client.example"}`) : greeting;
      return { dialogue, greeting, ehlo };
    }
    dialogue.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
