import { mayLogIn } from "../session/capabilities.ts";
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
    const mechanism = parser.atom().toUpperCase();
    const initial = parser.take(" ") ? (parser.take("=") ? "" : parser.astring().toString("latin1")) : undefined;
    parser.end();
    if (mechanism !== "PLAIN") return no("Unknown mechanism", "CANNOT");
    if (!mayLogIn(session)) return no("Use STARTTLS first", "PRIVACYREQUIRED");
    const response = initial ?? (await askResponse(session));
    return typeof response === "string" ? plain(session, response) : response;
  },
};

async function askResponse(session: ImapSession): Promise<string | Completion> {
  const { out } = session.connection;
  out.text("+ \r\n");
  await out.flush();
  const line = await session.connection.receiveLine(responseBytesMax, session.limits.commandReadTimeoutMs);
  if (line === "gone") throw new PeerGone();
  if (Buffer.isBuffer(line)) return line.equals(Buffer.from("*")) ? bad("Cancelled") : line.toString("latin1");
  session.end(line === "too-long" ? "Response too long" : "No response in time");
  return bad("No response");
}

async function plain(session: ImapSession, base64: string): Promise<Completion> {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 !== 0) return bad("Response is not base64");
  const [authorize, login, password, more] = Buffer.from(base64, "base64").toString("utf8").split("\0");
  if (authorize === undefined || !login || !password || more !== undefined) return bad("Bad PLAIN response");
  // Nobody may act as another here; naming oneself is fine.
  if (authorize !== "" && authorize !== login) return no("Authorization identity refused", "AUTHORIZATIONFAILED");
  return logIn(session, { login, password, mechanism: "PLAIN" });
}
