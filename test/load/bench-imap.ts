import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Platform, proxyAddress } from "../e2e/platform.ts";
import type { Tenant } from "../e2e/provision.ts";

/** Resident memory of a process, bytes. */
function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1_024;
}

/** Resident bytes per logged-in connection (implicit TLS) that idles in INBOX; all log in to the tenant's mailboxes. */
export async function idleBytesPerImapConnection(
  platform: Platform,
  tenant: Tenant,
  connections: number,
): Promise<number> {
  const pid = platform.process.pid ?? 0;
  const sockets: Socket[] = [];
  // The first few warm up code and caches that every later one shares.
  for (let index = 0; index < 20; index += 1) sockets.push(await idle(platform, tenant, index));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const before = residentBytes(pid);
  for (let index = 0; index < connections; index += 1) sockets.push(await idle(platform, tenant, index));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const after = residentBytes(pid);
  for (const socket of sockets) socket.destroy();
  return Math.round((after - before) / connections);
}

async function idle(platform: Platform, tenant: Tenant, index: number): Promise<Socket> {
  const mailbox = tenant.mailboxes[index % tenant.mailboxes.length];
  // One client address per hundred connections: the server bounds connections of one address.
  const tcp = connect({ host: "127.0.0.1", port: platform.ports.imaps, localAddress: proxyAddress });
  tcp.write(`PROXY TCP4 192.0.2.${1 + Math.floor(index / 50)} 192.0.2.254 40000 993\r\n`);
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false });
  await answer(socket, "* OK");
  socket.write(`a LOGIN ${mailbox?.address} ${mailbox?.password}\r\n`);
  await answer(socket, "a OK");
  socket.write("b SELECT INBOX\r\n");
  await answer(socket, "b OK");
  socket.write("c IDLE\r\n");
  await answer(socket, "+ ");
  return socket;
}

function answer(socket: Socket, start: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    const timer = setTimeout(() => reject(new Error(`no "${start}" in 20 s, but: ${seen}`)), 20_000);
    const onData = (chunk: Buffer) => {
      seen += chunk.toString("latin1");
      if (!`\r\n${seen}`.includes(`\r\n${start}`)) return;
      clearTimeout(timer);
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
    socket.once("error", reject);
  });
}
