// The registries under which most customers' names stand. Not the whole public suffix list: a name missing here is
// caught by verification, since nobody can publish a record at _mailfold.<registry>.
const secondLevel: Readonly<Record<string, readonly string[]>> = {
  ar: ["com", "net", "org"],
  at: ["co", "or", "ac", "gv"],
  au: ["com", "net", "org", "edu", "gov", "id", "asn"],
  br: ["com", "net", "org", "gov", "edu"],
  cn: ["com", "net", "org", "gov", "edu", "ac"],
  hk: ["com", "net", "org", "edu", "gov"],
  hu: ["co", "org"],
  id: ["co", "or", "ac", "go", "web"],
  il: ["co", "org", "net", "ac", "gov"],
  in: ["co", "net", "org", "firm", "gen", "ind", "ac", "gov"],
  jp: ["co", "ne", "or", "ac", "go", "ed", "gr", "lg", "ad"],
  ke: ["co", "or", "ne", "ac", "go"],
  kr: ["co", "or", "ne", "ac", "go", "re", "pe"],
  mx: ["com", "net", "org", "edu", "gob"],
  my: ["com", "net", "org", "gov", "edu"],
  nz: ["co", "net", "org", "ac", "govt", "geek", "school"],
  pl: ["com", "net", "org", "edu", "gov", "info", "biz"],
  ru: ["com", "net", "org"],
  sg: ["com", "net", "org", "edu", "gov"],
  th: ["co", "in", "ac", "go", "or", "net"],
  tr: ["com", "net", "org", "gov", "edu", "web", "gen", "bel"],
  tw: ["com", "net", "org", "edu", "gov", "idv"],
  ua: ["com", "net", "org", "edu", "gov", "in"],
  uk: ["co", "org", "me", "ltd", "plc", "net", "sch", "ac", "gov", "nhs", "police"],
  za: ["co", "net", "org", "web", "gov", "ac"],
};

/** Whether others register names directly under this one (a one-label name, or a known registry such as `co.uk`). */
export function isPublicSuffix(name: string): boolean {
  const [first = "", last, ...more] = name.split(".");
  if (last === undefined) return true;
  return more.length === 0 && (secondLevel[last]?.includes(first) ?? false);
}
