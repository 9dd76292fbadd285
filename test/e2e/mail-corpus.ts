import { mulberry32 } from "../faults/kill-rounds.ts";

/** A made-up message that looks like real mail: CRLF lines, at most 998 octets each. */
export interface CorpusMessage {
  readonly id: string;
  readonly bytes: Buffer;
}

/** Seeded mixed mail: plain, 8-bit, nested multiparts, forwarded messages, attachments to 5 MB, odd headers. */
export function mailCorpus(count: number, seed: number): readonly CorpusMessage[] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, (_, index) => {
    const id = `corpus-${seed}-${index}@sender.example`;
    const shape = shapes[index % shapes.length] ?? plain;
    const [headers, body] = shape({ random, index });
    const head = [
      "From: =?utf-8?q?S=C3=B8ren?= Sender <sender@sender.example>",
      "To: Somebody <somebody@example>",
      `Subject: message ${index} =?utf-8?b?w7xiZXI=?=`,
      `Message-ID: <${id}>`,
      "Date: Tue, 24 Nov 2026 04:00:00 +0000",
      ...headers,
    ];
    return { id: `<${id}>`, bytes: Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "utf8"), body]) };
  });
}

interface Seeded {
  readonly random: () => number;
  readonly index: number;
}
type Shape = (seeded: Seeded) => readonly [headers: readonly string[], body: Buffer];

function text(random: () => number, lines: number): string {
  const words = [
    "mail",
    "fold",
    "lorem",
    "ipsum",
    "Grüße",
    "naïve",
    "日本",
    "a.b",
    ".",
    "..",
    "From here",
    "-- ",
    "x".repeat(200),
  ];
  return Array.from({ length: lines }, () => {
    const line = Array.from(
      { length: 1 + Math.floor(random() * 9) },
      () => words[Math.floor(random() * words.length)],
    ).join(" ");
    return random() < 0.05 ? `.${line}` : line;
  }).join("\r\n");
}
const ascii = (value: string) => value.replace(/[^\r\n -~]/g, "?");

const plain: Shape = ({ random }) => [
  ["MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii"],
  Buffer.from(`${ascii(text(random, 20))}\r\n`),
];
const eightBit: Shape = ({ random }) => [
  ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"],
  Buffer.from(`${text(random, 30)}\r\n`),
];
const latin1: Shape = () => [
  ["MIME-Version: 1.0", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: 8bit"],
  Buffer.from("caf\xe9 \xfcber \xff\xfe no final line end\r\n\r\n\r\n", "latin1"),
];
const noMime: Shape = ({ random }) => [
  ["X-Odd:", "X-Folded: a\r\n\tb\r\n  c", "Received: from nowhere", "X-Empty: \t"],
  Buffer.from(`${ascii(text(random, 3))}\r\n.\r\n..\r\n`.replace("\r\n.\r\n", "\r\n. \r\n")),
];
const empty: Shape = () => [[], Buffer.alloc(0)];

function alternative(random: () => number, boundary: string): string {
  return [
    `--${boundary}`,
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "gr=C3=BC=C3=9Fe=",
    " soft break",
    `--${boundary}`,
    'Content-Type: text/html; charset="utf-8"',
    "Content-Transfer-Encoding: 8bit",
    "",
    `<p>${text(random, 5)}</p>`,
    `--${boundary}--`,
    "",
  ].join("\r\n");
}
const multipart: Shape = ({ random, index }) => [
  ["MIME-Version: 1.0", `Content-Type: multipart/alternative; boundary="alt ${index}"`],
  Buffer.from(`preamble\r\n${alternative(random, `alt ${index}`)}epilogue\r\n`),
];

function base64Lines(random: () => number, bytes: number): string {
  const data = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 1) data[at] = Math.floor(random() * 256);
  return (data.toString("base64").match(/.{1,76}/g) ?? []).join("\r\n");
}
const attachment: Shape = ({ random, index }) => {
  const bytes = index % 250 === 6 ? 3_600_000 : 2_000 + Math.floor(random() * 30_000);
  const lines = [
    "--mix",
    `Content-Type: multipart/alternative; boundary="in-${index}"`,
    "",
    alternative(random, `in-${index}`),
    "--mix",
    "Content-Type: application/octet-stream; name*=utf-8''f%C3%BCr.bin",
    "Content-Disposition: attachment; filename*0=very-; filename*1=long.bin",
    "Content-Transfer-Encoding: base64",
    "",
    base64Lines(random, bytes),
    "--mix--",
    "",
  ];
  return [["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=mix"], Buffer.from(lines.join("\r\n"))];
};
const forwarded: Shape = ({ random, index }) => {
  const inner = [
    "From: a@b.example",
    "Subject: inner",
    `Content-Type: multipart/mixed; boundary=i${index}`,
    "",
    alternative(random, `i${index}`),
  ].join("\r\n");
  const lines = [
    "--fwd",
    "Content-Type: message/rfc822",
    "",
    inner,
    "--fwd",
    "Content-Type: text/x-odd; charset=unknown-8bit",
    "",
    "tail",
    "--fwd--",
    "",
  ];
  return [["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=fwd"], Buffer.from(lines.join("\r\n"))];
};
const longLines: Shape = () => [
  ["MIME-Version: 1.0", `X-Long: ${"y".repeat(900)}`],
  Buffer.from(`${"z".repeat(990)}\r\nshort\r\n${"z".repeat(998)}\r\n`),
];

const shapes: readonly Shape[] = [
  plain,
  eightBit,
  latin1,
  noMime,
  multipart,
  forwarded,
  attachment,
  longLines,
  empty,
  eightBit,
];
