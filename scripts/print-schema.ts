import { writeFileSync } from "node:fs";
import { printApiSchema } from "../apps/api/src/graphql/schema.ts";

// Writes schema.graphql. A test in apps/api fails when the file and the code differ, and names breaking changes.
writeFileSync(new URL("../schema.graphql", import.meta.url), printApiSchema());
