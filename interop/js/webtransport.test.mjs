// The official bundle over WebTransport, in headless Chromium. The reference server would
// need a library of its own for it, built for the machine: sio alone is tested.

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { launch } from "./lib/chromium.mjs";
import { ServerUnderTest, target } from "./lib/server.mjs";
import { timeout } from "./lib/suite.mjs";

const dist = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist");
const flags = ["--transports", "polling,websocket,webtransport", "--client", dist];

/** hashOf is that of the server's certificate. */
const hashOf = (server) => server.lines.find((l) => l.startsWith("webtransport ")).split(" ")[1];

if (target === "sio") {
  describe("webtransport", () => {
    let server, browser, page;

    before(async () => {
      browser = await launch();
      server = await ServerUnderTest.start(flags);
      page = await browser.newPage();
      await page.goto(server.url + "/socket.io/socket.io.js"); // any document of this origin
      await page.addScriptTag({ url: "/socket.io/socket.io.js" });
      await page.evaluate((hash) => {
        const value = Uint8Array.from(atob(hash), (c) => c.charCodeAt(0));
        const webtransport = { serverCertificateHashes: [{ algorithm: "sha-256", value }] };
        window.next = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));
        window.ask = (socket, ...args) => new Promise((done) => socket.emit(...args, (...answer) => done(answer)));
        window.dial = (transports, more = {}) =>
          window.io({ transports, transportOptions: { webtransport }, forceNew: true, reconnection: false, ...more });
        /** moved waits until the socket's transport is this one. */
        window.moved = async (socket, name) => {
          while (socket.io.engine.transport.name !== name) await next(socket.io.engine, "upgrade");
        };
      }, hashOf(server));
    });

    after(async () => {
      await browser?.close();
      await server?.kill();
    });

    const inPage = (name, f, want) =>
      test(name, { timeout }, async () => {
        assert.deepEqual(await page.evaluate(f), want);
      });

    inPage(
      "T07 T08: without polling: text, binary, acknowledgements",
      async () => {
        const s = dial(["webtransport"]);
        await next(s, "connect");
        const long = "ä€😀".repeat(20_000);
        const [text, number] = await ask(s, "echo", long, 7);
        const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i);
        const [back, one] = await ask(s, "echo", bytes, Uint8Array.of(1)); // an empty one the client cannot send
        const name = s.io.engine.transport.name;
        s.close();
        return [name, text === long, number, new Uint8Array(back).every((b, i) => b === i % 256), back.byteLength, one.byteLength];
      },
      ["webtransport", true, 7, true, 70_000, 1],
    );

    inPage(
      "T07 L05: a session of polling moves, and nothing is lost",
      async () => {
        const s = dial(["polling", "webtransport"]);
        await next(s, "connect");
        const all = Array.from({ length: 300 }, (_, i) => ask(s, "echo", i));
        const got = (await Promise.all(all)).map(([n]) => n);
        await moved(s, "webtransport");
        const [behind] = await ask(s, "echo", "behind");
        s.close();
        return [got.every((n, i) => n === i), behind];
      },
      [true, "behind"],
    );

    inPage(
      "T10: of all that is offered the client takes this one",
      async () => {
        const s = dial(["polling", "websocket", "webtransport"]);
        await next(s, "connect");
        await moved(s, "webtransport");
        s.close();
        return s.io.engine.transport.name;
      },
      "webtransport",
    );

    inPage(
      "K11: the server disconnects",
      async () => {
        const s = dial(["webtransport"]);
        await next(s, "connect");
        s.emit("disconnect.me", false);
        return next(s, "disconnect").then(([reason]) => reason);
      },
      "io server disconnect",
    );

    test("O05: the server ends, and clients hear of it", { timeout }, async () => {
      await page.evaluate(async () => {
        window.last = dial(["webtransport"]);
        await next(last, "connect");
        window.ended = next(last, "disconnect");
      });
      await server.stop();
      const [reason] = await page.evaluate(() => window.ended);
      assert.ok(["transport close", "transport error"].includes(reason), reason);
    });
  });
}
