import type { MessageReader, MessageSink } from "./message-reader.ts";

export interface TlsState {
  /** e.g. TLSv1.3 */
  readonly protocol: string;
  readonly cipher: string;
}

/** A sink that also says how much came, for the minimum rate. */
export interface CountingSink extends MessageSink {
  readonly sizeBytes: number;
}

/** What a session may do to its connection. */
export interface Wire {
  /** Sends one reply line (or several, joined by CRLF), without its last CRLF. */
  reply(text: string): void;
  /** Ends the connection after what was replied; nothing more is read. */
  close(): void;
  /** Whether the client sent more behind the current command. */
  readonly hasMore: boolean;
  readonly tls: TlsState | undefined;
  /** What follows is a message; the next command is read after `done`. */
  startMessage(sink: CountingSink, ended: (reader: MessageReader, done: () => void) => Promise<void>): void;
  /** Replies 220 and turns to TLS; whatever was pipelined behind STARTTLS is dropped (RFC 3207 4.2). */
  startTls(done: () => void): void;
  /** Runs an AUTH exchange (RFC 4954); the outcome is told to the session. */
  authenticate(line: string, done: () => void): void;
}
