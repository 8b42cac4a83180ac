// A program for Node and its twin in Go say the same to the same client: see
// ../../docs/from-node.md.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { within } from "./lib/check.mjs";
import { play } from "./twin/client.mjs";

const interop = dirname(dirname(fileURLToPath(import.meta.url)));
const built = mkdtempSync(join(tmpdir(), "sio-twin-"));
const children = [];

after(() => {
  children.forEach((child) => child.kill());
  rmSync(built, { recursive: true, force: true });
});

before(() => {
  const { status } = spawnSync("go", ["build", "-o", join(built, "twin"), "./twin"], { cwd: interop, stdio: ["ignore", "inherit", "inherit"] });
  assert.equal(status, 0, "go build");
});

async function start(file, ...args) {
  const child = spawn(file, [...args, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const port = await within(new Promise((done) => lines.on("line", (l) => l.startsWith("listening on ") && done(l.split(" ")[2]))), "the port of " + file, 45_000);
  return `http://127.0.0.1:${port}`;
}

for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
  test(`the twins give the same transcript over ${transports.join(", then ")}`, { timeout: 60_000 }, async () => {
    const node = await start(process.execPath, join(interop, "js/twin/server.mjs"));
    const go = await start(join(built, "twin"));
    const want = await play(node, transports);
    const got = await play(go, transports);
    assert.ok(want.length > 20, `the transcript has ${want.length} lines`);
    assert.deepEqual(got, want);
  });
}
