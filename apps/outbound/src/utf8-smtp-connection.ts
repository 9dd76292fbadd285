import SMTPConnection from "nodemailer/lib/smtp-connection";

/** What nodemailer keeps to itself; exact version pinned, covered by tests. */
interface Internals {
  readonly _supportedExtensions: readonly string[];
  _sendCommand(command: string, logged?: string): void;
}
const inherited = SMTPConnection.prototype as unknown as Internals;

/** A connection that can say SMTPUTF8 for a message whose addresses are ASCII, too: nodemailer looks at addresses only. */
export class Utf8SmtpConnection extends SMTPConnection {
  /** Whether MAIL carries the SMTPUTF8 parameter; to be set only where that is offered. */
  isUtf8Message = false;

  /** Whether the server's EHLO reply named an extension that nodemailer looks for. */
  offers(keyword: string): boolean {
    return (this as unknown as Internals)._supportedExtensions.includes(keyword);
  }

  /** Overrides nodemailer's own: every command goes through here. */
  _sendCommand(command: string, logged?: string): void {
    const isToAdd = this.isUtf8Message && command.startsWith("MAIL FROM:") && !/> (?:.* )?SMTPUTF8\b/.test(command);
    inherited._sendCommand.call(this, isToAdd ? `${command} SMTPUTF8` : command, logged);
  }
}
