#!/usr/bin/env node
// Plain JavaScript, so that an older Node can read it and say what is wrong in one line.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  process.stderr.write(
    `mailfold: needs Node.js 24 or newer, this is ${process.versions.node}; run it through npm ("npm start", "npm run mailfold -- ..."), which brings Node 24 along\n`,
  );
  process.exit(1);
}
const { main } = await import("../src/main.ts");
await main(process.argv.slice(2));
