/** Caps of the indexer. Beyond them the structure is truncated; the message stays deliverable and readable raw. */
export const mimeLimits = {
  /** Levels of multipart and message/rfc822 (Dovecot's figure). */
  nestingMax: 100,
  partsMax: 10_000,
  /** Octets of one header block that are looked at for fields. */
  headerBytesMax: 1_048_576,
  /** Octets kept of one field's value. */
  fieldBytesMax: 65_536,
  /** Octets of structure text (fields, parameters, envelopes) kept in one index. */
  textBytesMax: 4_194_304,
  parametersMax: 100,
  /** Addresses kept of one field. */
  addressesMax: 1_000,
  boundaryBytesMax: 1_000,
} as const;
