// Starts, stops, freezes and restarts the server under test.
//
//	SIO_SERVER_CMD  command line of the application of APP.md, split at spaces and
//	                run without a shell, so that signals reach the server itself.
//	                Default: the reference server.
//	SIO_URL         a server that runs already, for files that need neither flags
//	                nor control over its life. Default: each file starts its own.
//	SIO_TARGET      whose quirks to expect, reference or sio. Default: sio if one
//	                of the above is set.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { within } from "./check.mjs";

const reference = fileURLToPath(new URL("../reference-server.mjs", import.meta.url));
const foreign = process.env.SIO_SERVER_CMD || process.env.SIO_URL;

export const target = process.env.SIO_TARGET || (foreign ? "sio" : "reference");
if (!["reference", "sio"].includes(target)) throw new Error(`SIO_TARGET is ${target}, want reference or sio`);

/** netHTTP: polling is answered by net/http, which has rules of its own for some fields. */
export const netHTTP = / --(mounted|middleware)\b/.test(process.env.SIO_SERVER_CMD ?? "");

const command = () => {
  if (process.env.SIO_SERVER_CMD) return process.env.SIO_SERVER_CMD.split(/\s+/).filter(Boolean);
  if (process.env.SIO_URL) {
    throw new Error("this file starts and stops the server under test: set SIO_SERVER_CMD beside SIO_URL");
  }
  return [process.execPath, reference];
};

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));

export class ServerUnderTest {
  /** flags are those of APP.md, without --port. */
  static async start(flags = []) {
    const server = new ServerUnderTest(flags);
    await server.#run(0);
    return server;
  }

  /** shared is a server with default flags, the one of SIO_URL if that is set. */
  static async shared() {
    if (!process.env.SIO_URL) return ServerUnderTest.start();
    const server = new ServerUnderTest([]);
    server.url = process.env.SIO_URL.replace(/\/$/, "");
    server.port = Number(new URL(server.url).port);
    return server;
  }

  #child;
  #ended;

  constructor(flags) {
    this.flags = flags;
    this.lines = []; // all that it printed, this run
  }

  async #run(port) {
    const [file, ...args] = command();
    const child = spawn(file, [...args, "--port", String(port), "--stdin", ...this.flags], { stdio: ["pipe", "pipe", "inherit"] });
    running.add(child);
    this.#child = child;
    this.lines = [];
    child.stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      child.on("error", (err) => resolve({ error: err }));
      child.on("close", (code, signal) => resolve({ code, signal }));
    }).finally(() => running.delete(child));

    const ready = new Promise((resolve) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.lines.push(line);
        const found = /^listening (https?:\/\/127\.0\.0\.1:(\d+))$/.exec(line);
        if (found) resolve(found);
      });
    });
    const early = this.#ended.then((end) => {
      throw new Error(`${[file, ...args].join(" ")} ended before it listened: ${end.error?.message ?? JSON.stringify(end)}`);
    });
    early.catch(() => {});
    const [, url, at] = await within(Promise.race([ready, early]), "the server's line `listening http://127.0.0.1:PORT`", 45_000);
    this.url = url;
    this.port = Number(at);
  }

  /** restart runs it again on its port, after stop or kill. */
  restart() {
    return this.#run(this.port);
  }

  /** ends is {id, nsp, reason} of each socket that it printed the end of, this run. */
  ends() {
    return this.lines.filter((l) => l.startsWith("disconnect ")).map((l) => JSON.parse(l.slice(11)));
  }

  /** stop ends it gracefully and is {code, signal}. */
  async stop() {
    if (!this.#child) return {};
    this.#child.kill("SIGTERM");
    return within(this.#ended, "the server's end after SIGTERM");
  }

  /** kill ends it at once. */
  async kill() {
    if (!this.#child) return {};
    this.#child.kill("SIGKILL");
    return within(this.#ended, "the server's end after SIGKILL");
  }

  freeze() {
    this.#child.kill("SIGSTOP");
  }

  thaw() {
    this.#child.kill("SIGCONT");
  }
}
