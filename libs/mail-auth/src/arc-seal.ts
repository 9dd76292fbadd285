import type { ARCSealError } from "mailauth";
import { createSeal } from "mailauth/lib/arc/index.js";
import type { MessageAuthResult } from "./auth-result.ts";
import { resultsValue } from "./authentication-results.ts";

/** The three fields of a new ARC set to put on top of the message, or why it goes out without. */
export type ArcSealing =
  | { readonly status: "sealed"; readonly headers: string }
  | { readonly status: "refused"; readonly code: ArcRefusal; readonly detail: string };

/**
 * `unknown-chain`: the chain could not be checked, so nothing true can be said about it; `chain-failed`: an earlier sealer
 * already gave up (RFC 8617 section 5.1 step 2); `chain-full`: 50 sets (4.2.1); `key`: the key does not sign;
 * `over-budget`: it took too long.
 */
export type ArcRefusal = "unknown-chain" | "chain-failed" | "chain-full" | "key" | "over-budget";

/** What a seal is made of. */
export interface ArcSealRequest {
  readonly message: Uint8Array;
  readonly results: MessageAuthResult;
  readonly hostname: string;
  readonly key: string;
  readonly selector: string;
  readonly domain: string;
}

/**
 * Seals a message that is sent on (RFC 8617 section 5.1). `message`: as it will be sent, without this seal; `results`: of the
 * message as it came; `hostname`: our authserv-id; `key`: private key, PEM; `domain` and `selector`: where its record is.
 */
export async function sealArc(options: ArcSealRequest): Promise<ArcSealing> {
  const { results, message } = options;
  if (results.arc.result === "temperror")
    return { status: "refused", code: "unknown-chain", detail: results.arc.detail ?? "chain not checked" };
  const made = await createSeal(Buffer.from(message.buffer, message.byteOffset, message.byteLength), {
    strict: true,
    seal: {
      signingDomain: options.domain,
      selector: options.selector,
      privateKey: options.key,
      cv: results.arc.result,
      authResults: resultsValue(options.hostname, results),
      signTime: new Date(),
    },
  });
  if (made.headers.length === 3) return { status: "sealed", headers: `${made.headers.join("\r\n")}\r\n` };
  return refusalOf(made.errors[0]);
}

function refusalOf(error: ARCSealError | undefined): ArcSealing {
  const detail = error?.err.message ?? "no seal was made";
  switch (error?.err.code) {
    case "EARCCHAINFAILED":
    case "EINVALIDCV":
      return { status: "refused", code: "chain-failed", detail };
    case "EINVALIDINSTANCE":
      return { status: "refused", code: "chain-full", detail };
    default:
      return { status: "refused", code: "key", detail };
  }
}
