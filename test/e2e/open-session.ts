import { type Dialogue, type DialogueOptions, openDialogue, type Reply } from "./smtp-dialogue.ts";

export interface Session {
  readonly dialogue: Dialogue;
  readonly greeting: Reply;
  /** Answer to EHLO; the greeting again when that was no 220. */
  readonly ehlo: Reply;
}

/** Connects and reads the greeting. A server that sheds load for a moment (421 4.3.2) is asked again. */
export async function openGreeted(options: DialogueOptions): Promise<Pick<Session, "dialogue" | "greeting">> {
  for (let attempt = 1; ; attempt += 1) {
    const dialogue = await openDialogue(options);
    const greeting = await dialogue.reply();
    if (!greeting.text.startsWith("4.3.2") || attempt === 40) return { dialogue, greeting };
    dialogue.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Opens a session and says EHLO as `helo`. */
export async function openSession(options: DialogueOptions & { readonly helo?: string }): Promise<Session> {
  const { dialogue, greeting } = await openGreeted(options);
  const ehlo = greeting.code === 220 ? await dialogue.command(`EHLO ${options.helo ?? "client.example"}`) : greeting;
  return { dialogue, greeting, ehlo };
}
