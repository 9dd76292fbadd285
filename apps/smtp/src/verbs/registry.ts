import { data } from "./data.ts";
import { ehlo, helo } from "./hello.ts";
import { mail } from "./mail.ts";
import { rcpt } from "./rcpt.ts";
import { auth, help, noop, notImplemented, quit, rset, starttls } from "./simple.ts";
import type { Verb } from "./verb.ts";
import { expn, vrfy } from "./verify.ts";

/** Every verb this server knows, and those it knows to refuse. */
export const verbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["EHLO", ehlo],
  ["HELO", helo],
  ["MAIL", mail],
  ["RCPT", rcpt],
  ["DATA", data],
  ["RSET", rset],
  ["NOOP", noop],
  ["HELP", help],
  ["QUIT", quit],
  ["VRFY", vrfy],
  ["EXPN", expn],
  ["STARTTLS", starttls],
  ["AUTH", auth],
  ...["BDAT", "BURL", "ETRN", "ATRN", "TURN", "SEND", "SOML", "SAML", "XCLIENT", "XFORWARD", "LHLO"].map(
    (name): [string, Verb] => [name, notImplemented],
  ),
]);
