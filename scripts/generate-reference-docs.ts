/** Writes the pages of docs/reference that are views of configuration, metrics and command line. */
import { writeFileSync } from "node:fs";
import { referencePages } from "./reference-pages.ts";

const folder = new URL("../docs/reference/", import.meta.url);
for (const [name, text] of await referencePages()) writeFileSync(new URL(name, folder), text);
