import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";

const chunkBytes = 65_536;
const replyBytesMax = 4_096;

/** One INSTREAM exchange with clamd: its line without the ending. Rejects for any trouble, the signal's reason included. */
export async function instream(address: NetConnectOpts, message: Uint8Array, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const socket = connect(address);
  const stop = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const reply = readReply(socket);
    // A reply may come, or the connection end, before all is sent (size limit): whatever it is, the reply decides.
    await Promise.race([reply, send(socket, message)]);
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
async function send(socket: Socket, message: Uint8Array): Promise<void> {
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (!socket.write(bytes)) await once(socket, "drain");
  };
  try {
    await write(Buffer.from("zINSTREAM\0"));
    for (let at = 0; at < message.byteLength && socket.writable; at += chunkBytes) {
      const chunk = message.subarray(at, at + chunkBytes);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(chunk.byteLength);
      socket.write(length);
      await write(chunk);
    }
    if (socket.writable) await write(Buffer.alloc(4));
  } catch {
    // The connection failed: readReply hears of it too, and knows whether an answer came first.
  }
}
