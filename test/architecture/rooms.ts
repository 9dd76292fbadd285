/** Who may import whom (architecture: "Rooms"), by workspace folder. */
const stores = ["libs/event-store", "libs/blob-store", "libs/read-store"];
const pureLibs = ["libs/domain", "libs/policy", "libs/events"];

/** Whether one workspace may import another. The table is the architecture's sentence, word for word. */
export function mayImport(from: string, to: string): boolean {
  if (to === "libs/kernel") return from !== "libs/kernel";
  if (from === "libs/kernel") return false;
  if (from === "libs/domain") return false;
  if (from === "libs/policy" || from === "libs/events") return to === "libs/domain";
  if (stores.includes(from)) return to === "libs/events";
  if (from === "libs/journal") return ["libs/events", "libs/event-store", "libs/blob-store"].includes(to);
  if (from.startsWith("projections/")) return pureLibs.includes(to);
  if (from === "apps/mailfold") return true;
  if (from.startsWith("apps/")) return to.startsWith("libs/") || to.startsWith("projections/");
  return false;
}

/** Pure rooms: no I/O, no `node:` modules, no clock, no randomness, no packages from outside. */
export function isPure(workspace: string): boolean {
  return (
    workspace === "libs/domain" ||
    workspace === "libs/policy" ||
    workspace === "libs/kernel" ||
    workspace === "libs/reputation" ||
    workspace.startsWith("projections/")
  );
}
