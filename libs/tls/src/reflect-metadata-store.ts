// @peculiar/x509 wires its parts with decorators that keep their notes through the Reflect metadata proposal, which
// Node lacks. This is the part of it that they use; an existing implementation is left alone.

type Notes = Map<PropertyKey | undefined, Map<unknown, unknown>>;

/** Gives `Reflect` a metadata store when it has none; call before loading @peculiar/x509. */
export function provideReflectMetadata(): void {
  if ("getMetadata" in Reflect) return;
  const store = new WeakMap<object, Notes>();
  const own = (key: unknown, target: object, property?: PropertyKey): unknown =>
    store.get(target)?.get(property)?.get(key);
  const define = (key: unknown, value: unknown, target: object, property?: PropertyKey): void => {
    const notes: Notes = store.get(target) ?? new Map();
    store.set(target, notes);
    const ofProperty = notes.get(property) ?? new Map<unknown, unknown>();
    notes.set(property, ofProperty.set(key, value));
  };
  const find = (key: unknown, target: object, property?: PropertyKey): unknown => {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      const value = own(key, at, property);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  Object.assign(Reflect, {
    getMetadata: find,
    getOwnMetadata: own,
    defineMetadata: define,
    hasMetadata: (key: unknown, target: object, property?: PropertyKey) => find(key, target, property) !== undefined,
    hasOwnMetadata: (key: unknown, target: object, property?: PropertyKey) => own(key, target, property) !== undefined,
    metadata: (key: unknown, value: unknown) => (target: object, property?: PropertyKey) =>
      define(key, value, target, property),
  });
}
