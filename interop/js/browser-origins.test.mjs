// Chromium with pages of other origins: what CORS is for, as browsers understand it. Rows H19, O02.

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { equal } from "./lib/check.mjs";
import { launch } from "./lib/chromium.mjs";
import { ServerUnderTest } from "./lib/server.mjs";
import { timeout } from "./lib/suite.mjs";

const require = createRequire(import.meta.url);
const bundle = join(dirname(require.resolve("socket.io/package.json")), "client-dist");
const flags = (cors) => [...(cors ? ["--cors", cors] : []), "--client", bundle, "--client-version", require("socket.io/package.json").version];

/**
 * visit loads the client in a page of that origin, from the server as a module, or else as a script, which
 * needs nobody's leave, and then connects. It is [how it was loaded, what became of the connection].
 */
async function visit(browser, origin, server, options) {
  const page = await browser.newPage();
  try {
    await page.goto(`${origin}/`);
    return await page.evaluate(
      async ([url, options]) => {
        let io, how;
        try {
          ({ io } = await import(`${url}/socket.io/socket.io.esm.min.js`));
          how = "module";
        } catch {
          const script = Object.assign(document.createElement("script"), { src: `${url}/socket.io/socket.io.min.js` });
          await new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }) && document.head.append(script));
          ({ io } = window);
          how = "script";
        }
        const socket = io(url, { reconnection: false, forceNew: true, ...options });
        const what = await new Promise((resolve) => {
          socket.on("connect_error", (err) => resolve(err.message));
          socket.on("connect", () => socket.emit("echo", "x".repeat(2000), (text) => resolve(`echo ${text.length}`)));
        });
        if (what.startsWith("echo") && !options.transports) {
          while (socket.io.engine.transport.name !== "websocket") await new Promise((done) => socket.io.engine.once("upgrade", done));
        }
        socket.disconnect();
        return [how, what];
      },
      [server.url, options],
    );
  } finally {
    await page.close();
  }
}

const polling = { transports: ["polling"] };
const asking = { ...polling, extraHeaders: { "x-one": "1" } }; // which takes a preflight
const trusted = { ...asking, withCredentials: true };

describe("browser, other origins", { concurrency: 1 }, () => {
  let browser;
  // The other sites, all of them. They must be as near as the server: browsers keep pages from afar away from the local host.
  const sites = createServer((req, res) => res.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>another site</title>"));
  before(async () => {
    await once(sites.listen(0, "127.0.0.1"), "listening");
    browser = await launch(`--host-resolver-rules=MAP *.example 127.0.0.1:${sites.address().port}`);
  });
  after(async () => {
    await browser?.close();
    sites.close();
  });

  for (const [name, cors, visits] of [
    ["H19 O02: without CORS pages of other origins have WebSockets only", undefined, [
      ["http://a.example", polling, ["script", "xhr poll error"]],
      ["http://a.example", { transports: ["websocket"] }, ["script", "echo 2000"]],
    ]],
    ["H19 O02: any origin, without credentials", "any", [
      ["http://a.example", polling, ["module", "echo 2000"]],
      ["http://a.example", asking, ["module", "echo 2000"]],
      ["http://a.example", {}, ["module", "echo 2000"]],
      ["http://a.example", trusted, ["module", "xhr poll error"]],
    ]],
    ["H19 O02: listed origins, with credentials", "list", [
      ["http://a.example", trusted, ["module", "echo 2000"]],
      ["http://x.b.example", trusted, ["module", "echo 2000"]],
      ["http://x.b.example", { withCredentials: true }, ["module", "echo 2000"]],
      ["http://evil.example", polling, ["script", "xhr poll error"]],
      ["http://evil.example", trusted, ["script", "xhr poll error"]],
    ]],
    ["H19 O02: headers that are not allowed", "all", [
      ["http://a.example", { ...polling, extraHeaders: { "my-header": "1" } }, ["module", "echo 2000"]],
      ["http://a.example", asking, ["module", "xhr poll error"]],
    ]],
  ]) {
    test(name, { timeout }, async () => {
      const server = await ServerUnderTest.start(flags(cors));
      try {
        for (const [origin, options, want] of visits) equal(await visit(browser, origin, server, options), want, `${origin} ${JSON.stringify(options)}`);
      } finally {
        await server.kill();
      }
    });
  }
});
