import type { MessagePort } from "node:worker_threads";
import { type ArcSealing, type ArcSealRequest, sealArc } from "./arc-seal.ts";
import type { MessageAuthInput, MessageAuthResult } from "./auth-result.ts";
import { authenticateMessage } from "./authenticate-message.ts";
import type { AuthDnsAnswer, AuthQuestion, AuthResolver } from "./resolver-port.ts";

/** Worker side of the pool: one message; its DNS questions are put to the other thread through `dns`. */
export async function authenticate(task: {
  readonly input: MessageAuthInput;
  readonly dns: MessagePort;
}): Promise<MessageAuthResult> {
  try {
    return await authenticateMessage({ ...task.input, resolver: portResolver(task.dns) });
  } finally {
    task.dns.close();
  }
}

/** Worker side of the pool: one seal. */
export function seal(request: ArcSealRequest): Promise<ArcSealing> {
  return sealArc(request);
}

function portResolver(port: MessagePort): AuthResolver {
  const waiting = new Map<number, (answer: AuthDnsAnswer<never>) => void>();
  let asked = 0;
  port.on("message", (reply: { readonly id: number; readonly answer: AuthDnsAnswer<never> }) => {
    waiting.get(reply.id)?.(reply.answer);
    waiting.delete(reply.id);
  });
  // boundDns gives each question a deadline, so an answer that never comes cannot hang the task.
  const ask = (question: AuthQuestion): Promise<AuthDnsAnswer<never>> => {
    asked += 1;
    const id = asked;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      port.postMessage({ id, question });
    });
  };
  return {
    txt: (subject) => ask({ type: "TXT", subject }),
    mx: (subject) => ask({ type: "MX", subject }),
    ptr: (subject) => ask({ type: "PTR", subject }),
    addresses: (subject, family) => ask({ type: family === 4 ? "A" : "AAAA", subject }),
  };
}
