import type { EventMetadata, Sealed, Sealer } from "@mailfold/kernel";

type Data = Readonly<Record<string, unknown>>;

/** Whether a value has the shape of a sealed field. */
export function isSealed(value: unknown): value is Sealed {
  if (typeof value !== "object" || value === null) return false;
  const { keyId, nonce, ciphertext } = value as Partial<Record<keyof Sealed, unknown>>;
  return typeof keyId === "string" && typeof nonce === "string" && typeof ciphertext === "string";
}

/** A copy of the data with the named fields sealed; absent ones stay absent. */
export function sealFields(sealer: Sealer, scope: string, fields: readonly string[], data: Data): Data {
  const copy: Record<string, unknown> = { ...data };
  for (const field of fields) {
    const value = copy[field];
    if (value !== undefined && value !== null) copy[field] = sealer.seal(scope, JSON.stringify(value));
  }
  return copy;
}

/** Opens the named fields in place (the data was just parsed: nobody else holds it). An erased key leaves null. */
export function openFields(sealer: Sealer, fields: readonly string[], data: Record<string, unknown>): void {
  for (const field of fields) {
    const value = data[field];
    // A field that became personal later lies open in older events.
    if (!isSealed(value)) continue;
    const text = sealer.open(value);
    data[field] = text === undefined ? null : JSON.parse(text);
  }
}

/** Metadata of a record event as stored: the actor's name and address are personal too. */
export function sealMetadata(sealer: Sealer, scope: string, metadata: EventMetadata): Data {
  const { actor, context } = metadata;
  return {
    ...metadata,
    ...(actor.name === undefined ? {} : { actor: sealFields(sealer, scope, ["name"], { ...actor }) }),
    ...(context?.ip === undefined ? {} : { context: sealFields(sealer, scope, ["ip"], { ...context }) }),
  };
}

/** Opens in place what sealMetadata sealed. A part whose key was erased is left out: its type has no null. */
export function openMetadata(sealer: Sealer, metadata: Record<string, unknown>): void {
  for (const [part, field] of metadataFields) {
    const holder = metadata[part] as Record<string, unknown> | undefined;
    if (holder === undefined || !isSealed(holder[field])) continue;
    openFields(sealer, [field], holder);
    if (holder[field] === null) delete holder[field];
  }
}

const metadataFields = [
  ["actor", "name"],
  ["context", "ip"],
] as const;
