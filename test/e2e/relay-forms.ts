/** A way to write a recipient so that a careless server relays it to someone else. None may be taken for relaying. */
export interface RelayForm {
  readonly name: string;
  /** What stands between the angle brackets of RCPT TO. */
  readonly recipient: string;
}

export interface RelayNames {
  /** A domain hosted here, with mailbox `user`. */
  readonly ours: string;
  /** Another tenant's domain hosted here. */
  readonly other: string;
  /** A domain hosted elsewhere. */
  readonly external: string;
}

const ipForms = [
  "[127.0.0.1]",
  "[IPv6:::1]",
  "[192.0.2.1]",
  "2130706433",
  "0x7f000001",
  "127.0.0.1",
  "[127.0.0.1",
  "127.1",
];

/** The classic open-relay forms (nmap, MAPS and abuse.net sets) and later ones: percent hack, bang path, source route, quoting, literals, case, dots, Unicode twins. */
export function relayForms(names: RelayNames): readonly RelayForm[] {
  const { ours, external, other } = names;
  const form = (name: string, recipient: string): RelayForm => ({ name, recipient });
  return [
    form("plain external", `u@${external}`),
    form("external, upper case", `U@${external.toUpperCase()}`),
    form("external, trailing dot", `u@${external}.`),
    form("external subdomain of ours look-alike", `u@${ours}.${external}`),
    form("external, port", `u@${external}:25`),
    form("percent hack", `u%${external}@${ours}`),
    form("percent hack twice", `u%${external}%${external}@${ours}`),
    form("percent hack through localhost", `u%${external}@localhost`),
    form("percent hack through literal", `u%${external}@[127.0.0.1]`),
    form("percent hack quoted", `"u%${external}"@${ours}`),
    form("percent hack quoted, no domain", `"u%${external}"`),
    form("percent hack to another tenant", `user%${other}@${ours}`),
    form("percent encoded at sign", `u%40${external}@${ours}`),
    form("at inside, unquoted", `u@${external}@${ours}`),
    form("at inside, quoted", `"u@${external}"@${ours}`),
    form("quoted whole", `"u@${external}"`),
    form("quoted, through literal", `"u@${external}"@[127.0.0.1]`),
    form("escaped at", `u\\@${external}@${ours}`),
    form("bang path", `${external}!u`),
    form("bang path with domain", `${external}!u@${ours}`),
    form("bang path through literal", `${external}!u@[127.0.0.1]`),
    form("bang path two hops", `${ours}!${external}!u`),
    form("bang path quoted", `"${external}!u"@${ours}`),
    form("source route through us", `@${ours}:u@${external}`),
    form("source route through literal", `@[127.0.0.1]:u@${external}`),
    form("source route two hops", `@${ours},@${external}:u@${external}`),
    form("source route through localhost", `@localhost:u@${external}`),
    form("source route to our own user", `@${external}:user@${ours}`),
    form("route with percent hack", `@${ours}:u%${external}@${ours}`),
    form("colon form", `u:${external}@${ours}`),
    form("dollar form", `u$${external}@${ours}`),
    form("ampersand form", `u&${external}@${ours}`),
    form("asterisk form", `u*${external}@${ours}`),
    form("equals form (SRS look-alike)", `SRS0=hash=tt=${external}=u@${external}`),
    form("localhost", "u@localhost"),
    form("localhost.localdomain", "u@localhost.localdomain"),
    form("no domain", "u"),
    form("no local part", `@${external}`),
    form("empty quoted local part", `""@${external}`),
    form("space in quoted local part", `"u v"@${external}`),
    form("leading dot", `.u@${external}`),
    form("double dot", `u..v@${external}`),
    form("trailing dot in local part", `u.@${external}`),
    form("leading hyphen domain", `u@-${external}`),
    form("double dot domain", `u@${external.replace(".", "..")}`),
    form("underscore domain", `u@_${external}`),
    form("single label domain", "u@com"),
    form("comment", `u(comment)@${external}`),
    form("nested brackets", `<u@${external}>`),
    form("display name", `U <u@${external}>`),
    form("two addresses, comma", `user@${ours},u@${external}`),
    form("two addresses, space", `user@${ours} u@${external}`),
    form("ideographic full stop", `u@${external.replace(".", "。")}`),
    form("full-width at sign", `u＠${external}`),
    form("zero-width space", `u@${external.slice(0, 2)}\u200b${external.slice(2)}`),
    form("homograph A-label", "u@xn--80ak6aa92e.test"),
    form("homograph of ours", `user@${ours.replace("a", "а")}`),
    form("NUL in domain", `user@${ours}\0@${external}`),
    form("CR in local part", `u\rRCPT TO:<u@${external}>@${ours}`),
    form("plus tag holding an address", `user+u@${external}`),
    form("very long local part", `${"u".repeat(65)}@${external}`),
    form("very long domain", `u@${"d".repeat(63)}.${"d".repeat(63)}.${"d".repeat(63)}.${"d".repeat(63)}.test`),
    ...ipForms.map((ip) => form(`literal ${ip}`, `u@${ip}`)),
  ];
}

/** Envelope senders tried with every form. `ours`: a hosted mailbox; `host`: this server's address. */
export function relaySenders(names: RelayNames): readonly string[] {
  return [`x@${names.external}`, "", `user@${names.ours}`, `nobody@${names.ours}`, "x@localhost", "x@[127.0.0.1]"];
}
