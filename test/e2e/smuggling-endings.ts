const lineEnds = ["\r\n", "\n", "\r", "\n\r", "\r\r\n"] as const;
const trueEnd = "\r\n.\r\n";

/** A dot between line ends of every kind, but for the pair that is a true end. */
const dotted = lineEnds.flatMap((before) => lineEnds.map((after) => `${before}.${after}`));
const others = [
  "\0\r\n.\n",
  "\r\n.\0\r\n",
  "\r\n\0.\r\n",
  "\r\n\0.\0\r\n",
  "\r\n. \r\n",
  "\r\n .\r\n",
  "\r\n.\t\r\n",
  "\r\n..\r\n",
  "\n..\r\n",
  "\r\n..\n",
  "\n..\n",
  "\r..\r",
  "\n\n.\n\n",
  "\r\r.\r\r",
  "\r\n.\v\r\n",
  "\r\n.\f\r\n",
  "\u0085.\u0085",
  "\r\n.\u00a0\r\n",
];

/** What some server once took for the end of a message although it is not CRLF.CRLF (RFC 5321 4.1.1.4), in Latin-1. */
export const smugglingEndings: readonly string[] = [...dotted, ...others].filter((ending) => !ending.includes(trueEnd));
