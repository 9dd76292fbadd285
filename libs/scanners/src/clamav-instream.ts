import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { setImmediate as eventLoopTurn, setTimeout as sleep } from "node:timers/promises";

const chunkBytes = 65_536;
const replyBytesMax = 4_096;

/** The connection broke while the message was being sent. */
const brokenCodes = new Set(["EPIPE", "ECONNRESET"]);

/** Pause behind each chunk, in the first and the further attempts. */
const pausesMs = [0, 2, 10] as const;

/**
 * One INSTREAM exchange with clamd: its line without the ending. Rejects for any trouble, the signal's reason included.
 * clamd closes the connection behind an early answer (size limit), and a write in that moment fails and takes the unread
 * answer with it: so a broken exchange is repeated, at a pace at which the answer is read before the next write.
 */
export async function instream(address: NetConnectOpts, message: Uint8Array, signal: AbortSignal): Promise<string> {
  let broken: unknown;
  for (const pauseMs of pausesMs) {
    try {
      return await exchange(address, { message, pauseMs }, signal);
    } catch (error) {
      if (!brokenCodes.has(String((error as { readonly code?: unknown }).code))) throw error;
      broken = error;
    }
  }
  throw broken;
}

interface Sending {
  readonly message: Uint8Array;
  readonly pauseMs: number;
}

async function exchange(address: NetConnectOpts, sending: Sending, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const socket = connect(address);
  const stop = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const reply = readReply(socket);
    // A reply may come, or the connection end, before all is sent (size limit): whatever it is, the reply decides.
    await Promise.race([reply, send(socket, sending)]);
    return await reply;
  } finally {
    signal.removeEventListener("abort", stop);
    socket.destroy();
  }
}

/** Everything up to the NUL of the z-form of commands, or the end of the connection. */
function readReply(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = Buffer.alloc(0);
    const finish = (): void => resolve(reply.toString("latin1").split(/[\0\r\n]/)[0] ?? "");
    socket.on("data", (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      if (reply.includes(0)) finish();
      else if (reply.length > replyBytesMax) reject(new Error("reply is too long"));
    });
    socket.on("end", finish);
    socket.on("close", finish);
    socket.on("error", (error) => (reply.includes(0x0a) ? finish() : reject(error)));
  });
}

/** Sends the message in chunks with their length in front (four octets, network order), at the pace that clamd reads. */
async function send(socket: Socket, { message, pauseMs }: Sending): Promise<void> {
  try {
    socket.write("zINSTREAM\0");
    for (let at = 0; at < message.byteLength && socket.writable; at += chunkBytes) {
      const chunk = message.subarray(at, at + chunkBytes);
      // Corked: clamd may hang up behind a length, so the chunk must not be a write of its own.
      socket.cork();
      socket.write(lengthPrefix(chunk.byteLength));
      const flowing = socket.write(chunk);
      socket.uncork();
      if (!flowing) await once(socket, "drain");
      await (pauseMs === 0 ? eventLoopTurn() : sleep(pauseMs));
    }
    if (socket.writable) socket.write(lengthPrefix(0));
  } catch {
    // The connection failed: readReply hears of it too, and knows whether an answer came first.
  }
}

function lengthPrefix(length: number): Uint8Array {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(length);
  return prefix;
}
