// Runs the conformance suite: installs the packages, looks for Chromium, runs every
// *.test.mjs and prints the counts. Exit status 0 only if every test ran and passed.
//
//	node run.mjs [--sio [--race] [--inline] [--mounted] [--middleware] [--procs N]] [--no-install] [--slowest N] [FILE...]
//
//	--sio      build ../server and test that
//	--race     with the race detector; a report of it fails the run
//	--inline   with the handlers that echo on the event loops
//	--mounted  served by net/http, with the server's Handler
//	--middleware  with a middleware for every request
//	--procs N  with GOMAXPROCS=N, and so with as many event loops
//
// Without --sio the environment says which server is tested, see lib/server.mjs and ../APP.md.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sio: { type: "boolean", default: false },
    race: { type: "boolean", default: false },
    inline: { type: "boolean", default: false },
    mounted: { type: "boolean", default: false },
    middleware: { type: "boolean", default: false },
    procs: { type: "string" },
    "no-install": { type: "boolean", default: false },
    slowest: { type: "string", default: "0" },
  },
});

function fail(text) {
  console.error(`interop: FAILED: ${text}`);
  process.exit(1);
}

const chromium = process.env.CHROMIUM || "/usr/bin/chromium";
if (!existsSync(chromium)) {
  fail(`no Chromium at ${chromium}. Install it (Debian: apt-get update && apt-get install -y chromium) or set CHROMIUM to its path.`);
}
if (!flags["no-install"]) {
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts"], { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
  if (error?.code === "ENOENT") fail("no npm in PATH: the official client cannot be installed. Install npm (Debian: apt-get update && apt-get install -y npm).");
  if (error || status !== 0) fail(`npm ci ended with ${error?.message ?? status}: the official client is not there.`);
}
if (!existsSync(join(here, "node_modules/socket.io-client/dist/socket.io.js"))) {
  fail("the official client is not there: run this without --no-install.");
}

// Where the server under test is built, and where its race reports go.
let built;
process.on("exit", () => built && rmSync(built, { recursive: true, force: true }));

if (flags.sio) {
  built = mkdtempSync(join(tmpdir(), "sio-interop-"));
  const binary = join(built, "server");
  const { status, error } = spawnSync("go", ["build", ...(flags.race ? ["-race"] : []), "-o", binary, "./server"], {
    cwd: dirname(here),
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error?.code === "ENOENT") fail("no go in PATH: the server of --sio cannot be built. See https://go.dev/dl.");
  if (error || status !== 0) fail(`go build ended with ${error?.message ?? status}.`);
  process.env.SIO_TARGET = "sio";
  process.env.SIO_SERVER_CMD = [binary, ...["inline", "mounted", "middleware"].filter((f) => flags[f]).map((f) => `--${f}`)].join(" ");
  delete process.env.SIO_URL;
  if (flags.race) process.env.GORACE = `log_path=${join(built, "race")}`;
  if (flags.procs) process.env.GOMAXPROCS = flags.procs;
} else if (flags.race || flags.inline || flags.mounted || flags.middleware || flags.procs) {
  fail("--race, --inline, --mounted, --middleware and --procs go with --sio.");
}

/** raceReports are what the race detector has written, one text for each process. */
const raceReports = () =>
  built
    ? readdirSync(built)
        .filter((f) => f.startsWith("race."))
        .map((f) => readFileSync(join(built, f), "utf8"))
    : [];

const files = positionals.length
  ? positionals.map((f) => join(process.cwd(), f))
  : readdirSync(here).filter((f) => f.endsWith(".test.mjs")).sort().map((f) => join(here, f));

const counts = { passed: 0, failed: 0, skipped: 0, complaints: 0 };
const times = [];
const began = Date.now();
const stream = run({ files, concurrency: 2, timeout: 10 * 60_000 });
const isTest = (e) => e.details.type !== "suite" && e.name !== e.file && !files.some((f) => f.endsWith(e.name));
stream.on("test:pass", (e) => {
  if (!isTest(e)) return;
  if (e.skip !== undefined || e.todo !== undefined) counts.skipped++;
  else counts.passed++;
  times.push([e.details.duration_ms, e.name]);
});
stream.on("test:fail", (e) => {
  if (isTest(e)) counts.failed++;
  else counts.broken = (counts.broken ?? 0) + 1; // a file or suite as a whole; its own failed tests are counted too
});
// A server that survives what must not happen says so in its log.
stream.on("test:stderr", ({ message }) => {
  if (/^\S+ \S+ ERROR |^panic: |^fatal error: |DATA RACE/m.test(message)) counts.complaints++;
});
stream.compose(spec).pipe(process.stdout);
stream.on("end", () => {
  setImmediate(() => {
    for (const [ms, name] of times.sort((a, b) => b[0] - a[0]).slice(0, Number(flags.slowest))) console.log(`${ms.toFixed(0).padStart(8)} ms  ${name}`);
    const races = raceReports();
    for (const text of races) console.log(text);
    const bad =
      counts.failed > 0 || counts.skipped > 0 || counts.broken > 0 || counts.passed === 0 || counts.complaints > 0 || races.length > 0;
    const target = process.env.SIO_TARGET || (process.env.SIO_SERVER_CMD || process.env.SIO_URL ? "sio" : "reference");
    console.log(
      `interop: ${bad ? "FAILED" : "ok"}: ${files.length} files, ${counts.passed} passed, ${counts.failed} failed, ` +
        `${counts.skipped} skipped, ${counts.complaints} complaints of the server, ${races.length} race reports, ` +
        `target ${target}, ${((Date.now() - began) / 1000).toFixed(0)} s`,
    );
    process.exitCode = bad ? 1 : 0;
  });
});
