import { assertNever } from "@mailfold/kernel";
import { headerName } from "./parse-condition.ts";
import { join, type RuleProblems } from "./problems.ts";
import { type ActionName, type RuleAction, ruleLimits } from "./rule.ts";

const keysOf: Readonly<Record<ActionName, readonly string[]>> = {
  file: ["folder"],
  copy: ["folder"],
  header: ["name", "value"],
  tag: ["text"],
  forward: ["to"],
  redirect: ["to"],
  quarantine: [],
  reject: ["text"],
  discard: [],
  flag: ["flag"],
  stop: ["lowerScopes"],
};
/** What a rule can do. */
export const actionNames = Object.keys(keysOf) as ActionName[];
// What is delivered elsewhere has no folder and no flags here.
const inboundOnly: readonly ActionName[] = ["file", "copy", "flag"];
// RFC 9051 section 2.3.2; \Deleted and \Recent are no rule's business.
const systemFlags = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft"];

/** Reads one action; undefined when it is none. */
export function parseAction(
  problems: RuleProblems,
  path: string,
  value: unknown,
  outbound: boolean,
): RuleAction | undefined {
  const named = typeof value === "object" && value !== null && "do" in value ? value.do : undefined;
  const known = actionNames.find((name) => name === named);
  const object = problems.object(path, value, ["do", ...(known === undefined ? [] : keysOf[known])]);
  if (object === undefined) return undefined;
  const name = problems.word(join(path, "do"), named, actionNames);
  if (name === undefined) return undefined;
  if (outbound && inboundOnly.includes(name)) {
    return problems.add(join(path, "do"), "NOT_ALLOWED", "outbound mail is not delivered here");
  }
  const text = (key: string, max: number): string | undefined => problems.text(join(path, key), object[key], max);
  switch (name) {
    case "file":
    case "copy": {
      const folder = text("folder", ruleLimits.folderCharacters);
      return folder === undefined ? undefined : { do: name, folder };
    }
    case "header":
      return headerAction(problems, path, object);
    case "tag": {
      const tag = text("text", ruleLimits.tagCharacters);
      return tag === undefined ? undefined : { do: name, text: tag };
    }
    case "forward":
    case "redirect": {
      const to = targets(problems, join(path, "to"), object.to);
      return to === undefined ? undefined : { do: name, to };
    }
    case "reject":
      return rejectAction(problems, path, object.text);
    case "flag": {
      const flag = flagName(problems, join(path, "flag"), object.flag);
      return flag === undefined ? undefined : { do: name, flag };
    }
    case "stop":
      return {
        do: name,
        ...(problems.isOn(join(path, "lowerScopes"), object.lowerScopes) ? { lowerScopes: true } : {}),
      };
    case "quarantine":
    case "discard":
      return { do: name };
    default:
      return assertNever(name);
  }
}

function headerAction(
  problems: RuleProblems,
  path: string,
  object: Readonly<Record<string, unknown>>,
): RuleAction | undefined {
  const at = join(path, "name");
  const lower = headerName(problems, at, object.name);
  const value = problems.text(join(path, "value"), object.value, ruleLimits.textCharacters);
  if (lower === undefined || value === undefined) return undefined;
  // Structural and trace fields decide where mail goes and whether it is believed.
  if (!lower.startsWith("x-") || lower.length < 3) return problems.add(at, "NOT_ALLOWED", "a name that begins with X-");
  return { do: "header", name: String(object.name), value };
}

function rejectAction(problems: RuleProblems, path: string, value: unknown): RuleAction | undefined {
  if (value === undefined) return { do: "reject" };
  const at = join(path, "text");
  const text = problems.text(at, value, ruleLimits.textCharacters);
  if (text === undefined) return undefined;
  // RFC 5321 section 4.2: reply text is printable ASCII.
  if (!/^[ -~]+$/.test(text)) return problems.add(at, "BAD_VALUE", "ASCII only: it becomes an SMTP reply");
  return { do: "reject", text };
}

function targets(problems: RuleProblems, path: string, value: unknown): readonly string[] | undefined {
  const list = problems.entries(path, value, 1, ruleLimits.targets);
  const addresses: string[] = [];
  for (const [index, entry] of (list ?? []).entries()) {
    const at = join(path, index);
    const address = problems.text(at, entry, 254);
    if (address === undefined) continue;
    // Plain forms only: no source route, quoted local part or address literal is ever a target.
    if (/^[^\s@"<>()[\],;:\\]{1,64}@[^\s@"<>()[\],;:\\]+\.[^\s@"<>()[\],;:\\.]+$/.test(address))
      addresses.push(address);
    else problems.add(at, "BAD_VALUE", "an address like user@domain.example");
  }
  return list === undefined ? undefined : [...new Set(addresses)];
}

function flagName(problems: RuleProblems, path: string, value: unknown): string | undefined {
  const flag = problems.text(path, value, 64);
  if (flag === undefined) return undefined;
  const system = systemFlags.find((candidate) => candidate.toLowerCase() === flag.toLowerCase());
  // RFC 9051 section 9: a keyword is an atom.
  if (system !== undefined || /^[!#$&'+,./0-9:;<=>?@A-Z^_`a-z|~-]+$/.test(flag)) return system ?? flag;
  return problems.add(path, "BAD_VALUE", `a keyword, or one of ${systemFlags.join(" ")}`);
}
