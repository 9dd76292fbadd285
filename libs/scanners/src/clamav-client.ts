import { type BreakerOptions, createBreaker } from "./breaker.ts";
import { instream } from "./clamav-instream.ts";
import { down, printable, type ScannerDown } from "./scanner-down.ts";
import { gateOf, type LoadOptions, withinDeadline } from "./within-deadline.ts";

/** Where clamd is: a Unix socket, or a host and port. */
export type ClamavAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Where clamd is and how long it may take. */
export type ClamavOptions = ClamavAddress &
  BreakerOptions &
  LoadOptions & {
    /** For one scan, from waiting for a place to the verdict. */
    readonly deadlineMs: number;
    /** Its StreamMaxLength in octets: what is longer is not sent. 100 MiB by default, as clamd's. */
    readonly streamMaxBytes?: number;
  };

/** `tooLarge`: over our streamMaxBytes or clamd's StreamMaxLength, hence not scanned; that is no failure of clamd. */
export type ClamavScan =
  | { readonly status: "clean" }
  | { readonly status: "infected"; readonly signature: string }
  | { readonly status: "tooLarge" };

/** A client of clamd. Trouble of any kind is the answer `down`, never an exception. */
export interface ClamavClient {
  /** Sends the message with INSTREAM. */
  scan(message: Uint8Array): Promise<ClamavScan | ScannerDown>;
}

/** Makes a client: one connection a scan, at most concurrencyMax at once. */
export function createClamavClient(options: ClamavOptions): ClamavClient {
  const gate = gateOf(options);
  const breaker = createBreaker(options);
  const streamMaxBytes = options.streamMaxBytes ?? 104_857_600;
  const address = "socketPath" in options ? { path: options.socketPath } : { host: options.host, port: options.port };
  return {
    async scan(message) {
      if (message.byteLength > streamMaxBytes) return { status: "tooLarge" };
      return breaker.run(() =>
        withinDeadline({ gate, deadlineMs: options.deadlineMs }, async (signal) =>
          readVerdict(await instream(address, message, signal)),
        ),
      );
    },
  };
}

/** clamd's line: `stream: OK`, `stream: NAME FOUND`, or one that ends in ERROR. */
function readVerdict(line: string): ClamavScan | ScannerDown {
  if (line === "stream: OK") return { status: "clean" };
  const signature = /^stream: (.+) FOUND$/.exec(line)?.[1];
  if (signature !== undefined) return { status: "infected", signature: printable(signature, 200) };
  if (/^INSTREAM size limit exceeded\. ERROR$/.test(line)) return { status: "tooLarge" };
  return down(line === "" ? "connection closed without a verdict" : `clamd said: ${line}`);
}
