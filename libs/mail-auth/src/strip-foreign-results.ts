const LF = 10;

/**
 * Takes out every Authentication-Results field that claims to be ours (RFC 8601 section 5). `header`: a header section,
 * or a whole message, whose body is not touched. A field whose authserv-id cannot be read goes when it names us anywhere.
 */
export function stripForeignResults(header: Uint8Array, hostname: string): Uint8Array {
  const ours = hostname.toLowerCase().replace(/\.$/, "");
  const kept: Uint8Array[] = [];
  let keptFrom = 0;
  let removed = false;
  for (let at = 0; at < header.length && !isBlankLine(header, at); ) {
    const end = fieldEnd(header, at);
    if (isResultsField(header, at, end) && claims(latin1(header, at, end), ours)) {
      kept.push(header.subarray(keptFrom, at));
      keptFrom = end;
      removed = true;
    }
    at = end;
  }
  return removed ? Buffer.concat([...kept, header.subarray(keptFrom)]) : header;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

function isBlankLine(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === LF || (bytes[at] === 13 && bytes[at + 1] === LF);
}

/** Behind the field's last line: lines that begin with a blank continue it (RFC 5322 section 2.2.3). */
function fieldEnd(bytes: Uint8Array, start: number): number {
  for (let at = start; ; ) {
    const lf = bytes.indexOf(LF, at);
    if (lf < 0) return bytes.length;
    at = lf + 1;
    if (bytes[at] !== 0x20 && bytes[at] !== 0x09) return at;
  }
}

const fieldName = /^authentication-results[ \t\r\n]*:/i;

function isResultsField(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start];
  return (first === 0x41 || first === 0x61) && fieldName.test(latin1(bytes, start, Math.min(end, start + 256)));
}

function claims(field: string, ours: string): boolean {
  const value = field.slice(field.indexOf(":") + 1);
  const id = authservIdOf(value);
  if (id === undefined) return value.toLowerCase().includes(ours);
  return id.toLowerCase().replace(/\.$/, "") === ours;
}

/** The authserv-id: a token or quoted-string behind comments and blanks (RFC 8601 section 2.2); undefined when neither. */
function authservIdOf(value: string): string | undefined {
  const start = skipComments(value);
  if (start === undefined) return undefined;
  if (value[start] === '"') {
    const inner = /^"((?:[^"\\]|\\[\s\S])*)"/.exec(value.slice(start))?.[1];
    return inner?.replace(/\\([\s\S])/g, "$1").replace(/[\r\n]/g, "");
  }
  const token = /^[^\s()<>@,;:\\"/[\]?=]+/.exec(value.slice(start))?.[0];
  if (token === undefined) return undefined;
  // What follows an authserv-id is a version, a comment, or the semicolon; anything else is no token of ours to trust.
  return /^[\s(;]|^$/.test(value.slice(start + token.length, start + token.length + 1)) ? token : undefined;
}

/** Offset of what follows leading blanks and (nested) comments; undefined when a comment does not end. */
function skipComments(value: string): number | undefined {
  let depth = 0;
  for (let at = 0; at < value.length; at++) {
    const char = value[at];
    if (depth > 0 && char === "\\") at += 1;
    else if (char === "(") depth += 1;
    else if (char === ")" && depth > 0) depth -= 1;
    else if (depth === 0 && !/\s/.test(char ?? "")) return at;
  }
  return undefined;
}
