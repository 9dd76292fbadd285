import { mkdirSync, writeFileSync } from "node:fs";
import { renderRefusalReference } from "@mailfold/domain";
import { renderEventReference } from "@mailfold/events";

// Writes the reference pages that are views of catalogues in code; tests beside the catalogues compare them.
const dir = new URL("../docs/reference/", import.meta.url);
mkdirSync(dir, { recursive: true });
writeFileSync(new URL("events.md", dir), renderEventReference());
writeFileSync(new URL("refusals.md", dir), renderRefusalReference());
