import type { Verdict } from "@mailfold/policy";

/** Fixed replies of the edge itself: code, enhanced code (RFC 3463), text. */
export const replies = {
  notReady: "451 4.3.0 Not ready yet, try again shortly",
  unavailable: "451 4.3.0 The message could not be stored, try again later",
  internal: "421 4.3.0 Internal error, closing the connection",
  shuttingDown: "421 4.3.2 Shutting down, try again shortly",
  tooEarly: "421 4.7.0 You spoke before the greeting",
  http: "421 4.7.0 This is a mail server",
  timeout: "421 4.4.2 Timeout, closing the connection",
  tooSlow: "421 4.4.2 The message came too slowly, closing the connection",
  sessionTooLong: "421 4.4.2 The session lasted too long, closing the connection",
  junk: "421 4.7.0 Too many commands without mail, closing the connection",
  errors: "421 4.7.0 Too many errors, closing the connection",
  refusals: "421 4.7.0 Too many refused recipients, closing the connection",
  connectionsFull: "421 4.3.2 Too many connections, try again later",
  connectionsOfIp: "421 4.7.0 Too many connections from your address, try again later",
  busy: "421 4.3.2 Too busy, try again later",
  denied: "421 4.7.0 Your address is refused for a while after protocol abuse",
  tooLong: "500 5.5.2 Line too long",
  tooLongClosing: "421 4.7.0 Too many over-long lines, closing the connection",
  bareLineFeed: "500 5.5.2 Lines end with CR LF",
  control: "500 5.5.2 Control characters are not allowed in commands",
  notUtf8: "500 5.5.2 Commands are ASCII, or UTF-8 where SMTPUTF8 allows it",
  unknownCommand: "500 5.5.1 Command unknown",
  notImplemented: "502 5.5.1 Command not implemented",
  heloFirst: "503 5.5.1 Send EHLO first",
  mailFirst: "503 5.5.1 Send MAIL first",
  nestedMail: "503 5.5.1 MAIL was already given",
  recipientFirst: "503 5.5.1 Send RCPT first",
  noRecipients: "554 5.5.1 No valid recipients",
  pipelining: "421 4.7.0 Nothing may follow DATA before its reply, closing the connection",
  noParameters: "501 5.5.4 This command takes no parameters",
  heloSyntax: "501 5.5.4 Syntax: EHLO your.host.name",
  mailSyntax: "501 5.1.7 Syntax: MAIL FROM:<address>",
  rcptSyntax: "501 5.1.3 Syntax: RCPT TO:<address>",
  parameterSyntax: "501 5.5.4 Malformed or repeated parameter",
  unknownParameter: "555 5.5.4 Parameter not recognized",
  badSize: "501 5.5.4 SIZE takes a number of octets",
  badBody: "501 5.5.4 BODY is 7BIT or 8BITMIME",
  needsUtf8: "553 5.6.7 An address beyond ASCII needs SMTPUTF8",
  bareLineEnd: "550 5.6.11 The message has a CR or LF that stands alone",
  tooBig: "552 5.3.4 The message exceeds the size limit",
  tooManyRecipients: "452 4.5.3 Too many recipients in one transaction",
  memoryFull: "452 4.3.1 Too much mail at once, try again later",
  senderOk: "250 2.1.0 Sender ok",
  recipientOk: "250 2.1.5 Recipient ok",
  ok: "250 2.0.0 Ok",
  bye: "221 2.0.0 Bye",
  startData: "354 End data with <CR><LF>.<CR><LF>",
  help: "214 2.0.0 RFC 5321",
  vrfy: "252 2.5.2 Send some mail and see",
  vrfySyntax: "501 5.5.4 An address is needed",
  noSuchUser: "550 5.1.1 No such address here",
  authNotOffered: "502 5.5.1 Authentication is not offered here",
  authMechanism: "504 5.5.4 This authentication mechanism is not offered",
  authNeedsTls: "538 5.7.11 Encryption required for authentication: send STARTTLS first",
  authDuringMail: "503 5.5.1 Not during a mail transaction",
  tlsActive: "503 5.5.1 TLS is already active",
} as const;

/** The reply to a denied address. `reference`: `evt_...` of the denial. */
export function deniedReply(reference: string | undefined): string {
  return reference === undefined ? replies.denied : `${replies.denied} (ref ${reference})`;
}

const unprintable = /[^\x20-\x7e]/g;

/** The reply to a refusing verdict: `5xx 5.x.x text (ref vrd_...)`; one line, printable. */
export function refusalReply(verdict: Verdict, reference: string): string {
  const text = verdict.text.replace(unprintable, "?").slice(0, 400);
  return `${verdict.code} ${verdict.enhancedCode} ${text} (ref ${reference})`;
}
