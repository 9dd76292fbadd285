const CR = 13;
const LF = 10;

/** CRLF line ends throughout: a bare CR or LF on the wire is how one message is smuggled out as two. Returns the input when it is clean. */
export function normaliseLineEnds(bytes: Uint8Array): Uint8Array {
  const extra = countBare(bytes);
  if (extra === 0) return bytes;
  const out = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === CR) {
      out[at++] = CR;
      out[at++] = LF;
      if (bytes[index + 1] === LF) index += 1;
    } else if (byte === LF) {
      out[at++] = CR;
      out[at++] = LF;
    } else {
      out[at++] = byte;
    }
  }
  return out;
}

function countBare(bytes: Uint8Array): number {
  let bare = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    if (bytes[index] === CR && bytes[index + 1] !== LF) bare += 1;
    if (bytes[index] === LF && bytes[index - 1] !== CR) bare += 1;
  }
  return bare;
}
