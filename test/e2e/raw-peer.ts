import { connect, type Socket } from "node:net";
import { proxyAddress } from "./platform.ts";

/** A raw connection that claims an IPv4 address by PROXY v1 and says `first` in the same segment. */
export async function connectRaw(port: number, ip: string, first: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: proxyAddress });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(`PROXY TCP4 ${ip} 192.0.2.254 40000 25\r\n${first}`);
  return socket;
}

/** All that a socket says until it closes, at most 10 s. */
export function restOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const timer = setTimeout(() => socket.destroy(), 10_000);
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
