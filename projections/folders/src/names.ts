/** Caps of one mailbox: folders, levels of hierarchy, octets of a whole name. */
export const folderLimits = { foldersMax: 1_500, depthMax: 64, nameBytesMax: 512 } as const;

/** Separates levels of a folder name. */
export const hierarchyDelimiter = "/";

/** INBOX is special and case-insensitive, also as the first level of its children (RFC 3501 section 5.1). */
export function canonicalFolderName(name: string): string {
  const first = name.slice(0, 5);
  if (first === "INBOX" || first.toUpperCase() !== "INBOX") return name;
  return name.length === 5 || name[5] === hierarchyDelimiter ? `INBOX${name.slice(5)}` : name;
}

/** Whether the canonical name lies below the canonical parent. */
export function isBelow(name: string, parent: string): boolean {
  return name.length > parent.length && name[parent.length] === hierarchyDelimiter && name.startsWith(parent);
}

/** Superior levels of a name, outermost first: `a/b/c` -> `a`, `a/b`. */
export function superiorNames(name: string): string[] {
  const superiors: string[] = [];
  for (let at = name.indexOf(hierarchyDelimiter); at >= 0; at = name.indexOf(hierarchyDelimiter, at + 1)) {
    superiors.push(name.slice(0, at));
  }
  return superiors;
}

/** Why a canonical name cannot be a folder's, or undefined. Edges ask before they write; the fold asks again. */
export function folderNameProblem(name: string): "bad-name" | "too-many" | undefined {
  if (name.length > folderLimits.nameBytesMax || utf8Length(name) > folderLimits.nameBytesMax) return "too-many";
  let depth = 1;
  let levelLength = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return "bad-name";
    if (name[i] === hierarchyDelimiter) {
      if (levelLength === 0) return "bad-name";
      depth += 1;
      levelLength = 0;
    } else levelLength += 1;
  }
  if (levelLength === 0) return "bad-name";
  return depth > folderLimits.depthMax ? "too-many" : undefined;
}

/** Octets of the text in UTF-8. */
function utf8Length(text: string): number {
  let octets = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    octets += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return octets;
}
