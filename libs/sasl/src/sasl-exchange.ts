import { decodeStrictBase64, decodeUtf8 } from "./strict-base64.ts";

/** Mechanisms that are built; they send the password, so offer them only over TLS. */
export const saslMechanisms = ["PLAIN", "LOGIN"] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** What comes after a client's line. `refused` ends the exchange; messages hold nothing of what was sent. */
export type SaslStep =
  | { readonly kind: "challenge"; readonly base64: string }
  | { readonly kind: "credentials"; readonly login: string; readonly password: string }
  | {
      readonly kind: "refused";
      readonly cause: "cancelled" | "malformed" | "other-authzid";
      readonly message: string;
    };

/** One authentication; throw it away after credentials or a refusal. */
export interface SaslExchange {
  readonly mechanism: SaslMechanism;
  /** The first step, which has taken the initial response if there was one. */
  readonly first: SaslStep;
  /** The step after the client's next line, given without its CRLF. */
  next(line: string): SaslStep;
}

/** A mechanism's name as clients write it, in any case; undefined when it is not built. */
export function parseMechanism(name: string): SaslMechanism | undefined {
  return saslMechanisms.find((mechanism) => mechanism === name.toUpperCase());
}

/**
 * Starts an exchange. `initialResponse` is the text after the mechanism's name (RFC 4954 4, RFC 4959 3), where "=" is an
 * empty one; undefined when the client sent none.
 */
export function startSasl(mechanism: SaslMechanism, initialResponse?: string): SaslExchange {
  const next = mechanism === "PLAIN" ? plain() : login();
  const first = initialResponse === undefined ? next(undefined) : readLine(next, initialResponse, true);
  return { mechanism, first, next: (line) => readLine(next, line, false) };
}

/** A mechanism: takes the client's decoded answer, undefined at the start. */
type Mechanism = (answer: Buffer | undefined) => SaslStep;

function readLine(mechanism: Mechanism, line: string, initial: boolean): SaslStep {
  // RFC 4954 4: a line of one "*" cancels; RFC 4422 wants every mechanism to be cancellable.
  if (line === "*" && !initial) return refused("cancelled", "authentication cancelled");
  const answer = line === "=" && initial ? Buffer.alloc(0) : decodeStrictBase64(line);
  if (answer === undefined) return refused("malformed", "not valid base64");
  return mechanism(answer);
}

/** RFC 4616 2: [authzid] NUL authcid NUL passwd, all UTF-8. */
function plain(): Mechanism {
  return (answer) => {
    if (answer === undefined) return { kind: "challenge", base64: "" };
    const parts = decodeUtf8(answer)?.split("\0");
    const [authzid, authcid, password] = parts ?? [];
    if (parts?.length !== 3 || authzid === undefined || !authcid || !password) {
      return refused("malformed", "PLAIN is authzid NUL login NUL password in UTF-8");
    }
    // Acting for another identity is not offered: the two must be one.
    if (authzid !== "" && authzid !== authcid) return refused("other-authzid", "authzid must be empty or the login");
    return { kind: "credentials", login: authcid, password };
  };
}

/** LOGIN as draft-murchison-sasl-login-00 describes it: two prompts, two answers. */
function login(): Mechanism {
  let name: string | undefined;
  return (answer) => {
    if (answer === undefined) return { kind: "challenge", base64: prompts.name };
    const text = decodeUtf8(answer);
    if (!text || text.includes("\0")) return refused("malformed", "LOGIN wants a login and a password in UTF-8");
    if (name !== undefined) return { kind: "credentials", login: name, password: text };
    name = text;
    return { kind: "challenge", base64: prompts.password };
  };
}

const prompts = { name: btoa("Username:"), password: btoa("Password:") } as const;

function refused(cause: Extract<SaslStep, { kind: "refused" }>["cause"], message: string): SaslStep {
  return { kind: "refused", cause, message };
}
