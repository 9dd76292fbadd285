import type { SecureContext } from "node:tls";
import {
  SMTPServer,
  type SMTPServerAuthentication,
  type SMTPServerAuthenticationResponse,
  type SMTPServerSession,
} from "smtp-server";
import { replies } from "./replies.ts";
import type { SmtpSession } from "./session.ts";
import type { SmtpLimits } from "./smtp-config.ts";

export interface EdgeOptions {
  readonly hostname: string;
  /** TLS from the first octet. */
  readonly isImplicitTls: boolean;
  readonly limits: SmtpLimits;
  readonly tlsContext: { current(): SecureContext };
  readonly banner: () => string | undefined;
  readonly isClosing: () => boolean;
  /** Checks a login; an answer with `user` logs in. */
  authenticate(session: SmtpSession, auth: SMTPServerAuthentication): Promise<SMTPServerAuthenticationResponse>;
  /** Judges a new connection; false = refused, the reply was given. */
  admit(session: SmtpSession): Promise<boolean>;
  onFault(error: unknown): void;
}

/** One smtp-server instance without a listening socket: connections are handed to it. */
export class EdgeServer extends SMTPServer {
  readonly edge: EdgeOptions;
  readonly sessions = new WeakMap<SMTPServerSession, SmtpSession>();

  constructor(edge: EdgeOptions) {
    super({
      secure: edge.isImplicitTls,
      name: edge.hostname,
      logger: false,
      disableReverseLookup: true,
      authMethods: ["PLAIN", "LOGIN"],
      authOptional: true,
      // Whether AUTH is allowed in the clear is the listener's setting, looked at by our verb.
      allowInsecureAuth: true,
      hideENHANCEDSTATUSCODES: false,
      useXClient: false,
      useXForward: false,
      useProxy: false,
      // Our own deadlines come first.
      socketTimeout: edge.limits.sessionMaxMs + 60_000,
    });
    this.edge = edge;
    this.on("error", () => {});
  }

  /** Contexts come from the provider at each handshake: a bad reload never reaches smtp-server, which would drop the old one. */
  override updateSecureContext(): void {
    this.secureContext = new Map();
  }
  override _resolveSNI(_name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    done(null, this.edge.tlsContext.current());
  }
  override onConnect(session: SMTPServerSession, done: (error?: Error | null) => void): void {
    const smtp = this.sessions.get(session);
    if (smtp === undefined) return;
    this.edge.admit(smtp).then(
      (admitted) => (admitted ? done() : smtp.wire.close()),
      (error) => {
        this.edge.onFault(error);
        smtp.closeWith(replies.internal);
      },
    );
  }
  override onSecure(_socket: unknown, session: SMTPServerSession, done: (error?: Error | null) => void): void {
    this.sessions.get(session)?.tlsStarted();
    done();
  }
  override onAuth(
    auth: SMTPServerAuthentication,
    session: SMTPServerSession,
    done: (error: Error | null | undefined, response?: SMTPServerAuthenticationResponse) => void,
  ): void {
    const smtp = this.sessions.get(session);
    if (smtp === undefined) return;
    this.edge.authenticate(smtp, auth).then(
      (response) => done(null, response),
      (error) => {
        this.edge.onFault(error);
        smtp.closeWith(replies.internal);
      },
    );
  }
}
