import { setTimeout as sleep } from "node:timers/promises";
import { PeerGone } from "../wire/reply-writer.ts";
import { bad, type Command } from "./command.ts";
import { completed } from "./completed.ts";

/** Changes within this time are told together. */
const gatherMs = 20;

/** RFC 2177: changes are pushed as the fold applies them, until DONE. */
export const idle: Command = {
  names: ["IDLE"],
  when: "after-login",
  allowExpunge: true,
  async run(session, parser) {
    parser.end();
    const { connection, access, limits } = session;
    let changed = true;
    const stop = access.onChange(() => {
      changed = true;
      connection.wake();
    });
    try {
      connection.out.line("+ idling");
      for (;;) {
        // Changes that came while these replies were sent would wake nobody: look again before waiting.
        while (changed) {
          changed = false;
          await session.tellUpdates(true);
          await connection.out.flush();
        }
        if (session.ending) return completed("IDLE");
        const line = await connection.receiveLine(64, limits.autologoutMs);
        if (line === "gone") throw new PeerGone();
        if (line === "woken") await sleep(gatherMs, undefined, { ref: false });
        else if (line === "late") session.end("Autologout; idle for too long");
        else if (line === "too-long") session.end("Expected DONE");
        else return line.toString("latin1").toUpperCase() === "DONE" ? completed("IDLE") : bad("Expected DONE");
      }
    } finally {
      stop();
    }
  },
};
