import type { ArcCheck, DkimCheck, DmarcCheck, MessageAuthResult, SpfCheck } from "./auth-result.ts";

/**
 * The Authentication-Results field of a result (RFC 8601 section 2.2) with its CRLF, `hostname` being our authserv-id.
 * An ARC check that could not be finished is left out: RFC 8617 section 10.1 registers no result for it.
 */
export function authenticationResults(hostname: string, result: MessageAuthResult): string {
  return `Authentication-Results: ${resultsValue(hostname, result)}\r\n`;
}

/** The value of that field, which an ARC set carries as well (RFC 8617 section 4.1.1). */
export function resultsValue(hostname: string, result: MessageAuthResult): string {
  const rows = [
    spfRow(result.spf),
    ...(result.dkim.length === 0 ? ["dkim=none"] : result.dkim.map(dkimRow)),
    dmarcRow(result.dmarc),
    ...(result.arc.result === "temperror" ? [] : [arcRow(result.arc)]),
  ];
  return [authservId(hostname), ...rows].join(";\r\n\t");
}

function authservId(hostname: string): string {
  return fieldWord(hostname.toLowerCase());
}

function spfRow(spf: SpfCheck): string {
  return row("spf", spf.result, [[spf.identity === "helo" ? "smtp.helo" : "smtp.mailfrom", spf.domain]]);
}

function dkimRow(dkim: DkimCheck): string {
  return row(
    "dkim",
    dkim.result,
    [
      ["header.d", dkim.domain],
      ["header.s", dkim.selector],
      ["header.a", dkim.algorithm],
      ["header.b", dkim.signature ?? ""],
    ],
    dkim.result === "pass" ? undefined : dkim.detail,
  );
}

function dmarcRow(dmarc: DmarcCheck): string {
  const policy = dmarc.result === "temperror" ? "" : (dmarc.policy ?? "");
  return row(
    "dmarc",
    dmarc.result,
    [
      ["policy.dmarc", policy],
      ["header.from", dmarc.domain],
    ],
    dmarc.result === "pass" ? undefined : dmarc.detail,
  );
}

function arcRow(arc: ArcCheck): string {
  const newest = arc.chain.at(-1);
  const comment = arc.result === "pass" && newest !== undefined ? ` (i=${newest.instance})` : "";
  return `${row("arc", arc.result, [], arc.result === "fail" ? arc.detail : undefined)}${comment}`;
}

/** resinfo of RFC 8601 section 2.2: method, reason, properties. What has no value is left out. */
function row(
  method: string,
  result: string,
  properties: readonly (readonly [string, string])[],
  reason?: string,
): string {
  const shown = properties.filter(([, value]) => value !== "").map(([name, value]) => ` ${name}=${fieldWord(value)}`);
  const why = reason === undefined || reason === "" ? "" : ` reason=${quoted(reason)}`;
  return `${method}=${result}${why}${shown.join("")}`;
}

/** A value is a token or a quoted-string (RFC 2045 section 5.1); `@` and a UTF-8 domain need the quotes. */
function fieldWord(text: string): string {
  return /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]+$/.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
