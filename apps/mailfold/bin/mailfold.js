#!/usr/bin/env node
// Plain JavaScript, so that an older Node can read it and say what is wrong in one line.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  process.stderr.write(
    `mailfold: needs Node.js 24 or newer, this is ${process.versions.node}; run it through npm ("npm start", "npm run mailfold -- ..."), which brings Node 24 along\n`,
  );
  process.exit(1);
}
// Compiled code is kept beside the installed packages, so that later starts (and worker threads, by the environment) skip
// parsing. Where that folder cannot be written, Node goes on without.
const { enableCompileCache } = await import("node:module");
const { fileURLToPath } = await import("node:url");
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../../../node_modules/.cache/mailfold", import.meta.url));
enableCompileCache(process.env.NODE_COMPILE_CACHE);
const { main } = await import("../src/main.ts");
await main(process.argv.slice(2));
