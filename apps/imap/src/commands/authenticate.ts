import { parseMechanism, type SaslStep, startSasl } from "@mailfold/sasl";
import { mayLogIn, offersMechanism } from "../session/capabilities.ts";
import type { ImapSession } from "../session/imap-session.ts";
import { logIn } from "../session/log-in.ts";
import { PeerGone } from "../wire/reply-writer.ts";
import { bad, type Command, type Completion, no } from "./command.ts";

const responseBytesMax = 12_288;

/** RFC 3501 section 6.2.2 with PLAIN (RFC 4616) and an initial response (SASL-IR, RFC 4959). */
export const authenticate: Command = {
  names: ["AUTHENTICATE"],
  when: "before-login",
  allowExpunge: false,
  async run(session, parser) {
    parser.sp();
    const mechanism = parseMechanism(parser.atom());
    const initial = parser.take(" ") ? parser.atom() : undefined;
    parser.end();
    // LOGIN the mechanism is for submission only; here LOGIN is a command.
    if (mechanism !== "PLAIN") return no("Unknown mechanism", "CANNOT");
    if (!offersMechanism(session, mechanism)) return no("This mechanism is not offered", "CANNOT");
    if (!mayLogIn(session)) return no("Use STARTTLS first", "PRIVACYREQUIRED");
    const exchange = startSasl(mechanism, initial);
    let step = exchange.first;
    while (step.kind === "challenge") {
      const response = await askResponse(session, step.base64);
      if (typeof response !== "string") return response;
      step = exchange.next(response);
    }
    return step.kind === "refused" ? refusal(step) : logIn(session, { ...step, mechanism });
  },
};

function refusal({ cause, message }: Extract<SaslStep, { kind: "refused" }>): Completion {
  return cause === "other-authzid" ? no(message, "AUTHORIZATIONFAILED") : bad(message);
}

async function askResponse(session: ImapSession, base64: string): Promise<string | Completion> {
  const { out } = session.connection;
  out.line(`+ ${base64}`);
  await out.flush();
  const line = await session.connection.receiveLine(responseBytesMax, session.limits.commandReadTimeoutMs);
  if (line === "gone") throw new PeerGone();
  if (Buffer.isBuffer(line)) return line.toString("latin1");
  session.end(line === "too-long" ? "Response too long" : "No response in time");
  return bad("No response");
}
