import { mayLogIn, offersLogin } from "../session/capabilities.ts";
import { logIn } from "../session/log-in.ts";
import { type Command, no } from "./command.ts";

/** RFC 3501 section 6.2.3. */
export const login: Command = {
  names: ["LOGIN"],
  when: "before-login",
  allowExpunge: false,
  async run(session, parser) {
    parser.sp();
    const name = parser.astring();
    parser.sp();
    const password = parser.astring();
    parser.end();
    if (!offersLogin(session)) return no("LOGIN is not offered", "CANNOT");
    if (!mayLogIn(session)) return no("Use STARTTLS first", "PRIVACYREQUIRED");
    return logIn(session, { login: name.toString("utf8"), password: password.toString("utf8"), mechanism: "LOGIN" });
  },
};
