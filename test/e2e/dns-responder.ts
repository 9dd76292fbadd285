import { createSocket } from "node:dgram";

/** Records of one name; a name without the asked type answers "no data", a name not listed NXDOMAIN. */
interface DnsRecords {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly MX?: readonly { readonly priority: number; readonly exchange: string }[];
  readonly TXT?: readonly string[];
  readonly PTR?: readonly string[];
}
/** What is said about a name: its records, SERVFAIL, or nothing at all. */
export type DnsAnswerPlan = DnsRecords | "servfail" | "silent";

/** A resolver for tests on loopback; change `zones` while it runs. */
export interface DnsResponder {
  /** `ip:port`, as MAILFOLD_DNS takes it. */
  readonly address: string;
  readonly zones: Map<string, DnsAnswerPlan>;
  /** Questions so far, `TYPE name`. */
  readonly asked: readonly string[];
  close(): void;
}

const types = { A: 1, PTR: 12, MX: 15, TXT: 16, AAAA: 28 } as const;
type TypeName = keyof typeof types;
const serverFailure = 2;
const noSuchName = 3;

/** Answers UDP questions from `zones`, a map of lower-case names without the root dot. */
export async function startDnsResponder(zones: Readonly<Record<string, DnsAnswerPlan>>): Promise<DnsResponder> {
  const known = new Map(Object.entries(zones));
  const asked: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (query, peer) => {
    const { name, type, end } = readQuestion(query);
    asked.push(`${type ?? "other"} ${name}`);
    const plan = known.get(name);
    if (plan !== "silent") socket.send(answerTo(query.subarray(0, end), plan, type), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${socket.address().port}`, zones: known, asked, close: () => void socket.close() };
}

/** The name that PTR records of an address stand under. */
export function reverseName(ip: string): string {
  if (!ip.includes(":")) return `${ip.split(".").reverse().join(".")}.in-addr.arpa`;
  const nibbles = addressOctets(ip).toString("hex");
  return `${[...nibbles].reverse().join(".")}.ip6.arpa`;
}

function readQuestion(query: Buffer): { name: string; type: TypeName | undefined; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = query.readUInt16BE(at + 1);
  const type = (Object.keys(types) as TypeName[]).find((name) => types[name] === code);
  return { name: labels.join(".").toLowerCase(), type, end: at + 5 };
}

/** RFC 1035 4.1: header, the question again, answers that point back to its name. */
function answerTo(question: Buffer, plan: Exclude<DnsAnswerPlan, "silent"> | undefined, type: TypeName | undefined) {
  const records = plan === undefined || plan === "servfail" || type === undefined ? [] : recordsOf(plan, type);
  const header = Buffer.from(question.subarray(0, 12));
  const code = plan === undefined ? noSuchName : plan === "servfail" ? serverFailure : 0;
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  const answers = records.map((data) => {
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(types[type ?? "A"], 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(1, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([header, question.subarray(12), ...answers]);
}

function recordsOf(plan: DnsRecords, type: TypeName): readonly Buffer[] {
  if (type === "MX") {
    return (plan.MX ?? []).map(({ priority, exchange }) =>
      Buffer.concat([Buffer.from([priority >> 8, priority & 255]), nameOctets(exchange)]),
    );
  }
  if (type === "TXT")
    return (plan.TXT ?? []).map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]));
  if (type === "PTR") return (plan.PTR ?? []).map(nameOctets);
  return (plan[type] ?? []).map(addressOctets);
}

function nameOctets(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.from([0]),
  ]);
}

function addressOctets(ip: string): Buffer {
  if (!ip.includes(":")) return Buffer.from(ip.split(".").map(Number));
  const [head = [], tail = []] = ip.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const groups = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
  return Buffer.concat(groups.map((group) => Buffer.from(group.padStart(4, "0"), "hex")));
}
