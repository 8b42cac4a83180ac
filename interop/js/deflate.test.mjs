// permessage-deflate: the official client in Node and in Chromium, and what is on the wire. Rows T03 and K13.

import { after, before, describe, test } from "node:test";
import { call, equal, next, ok } from "./lib/check.mjs";
import { launch, open } from "./lib/chromium.mjs";
import { serve } from "./lib/proxy.mjs";
import { engine, upgradeRequest, Wire, wire } from "./lib/raw.mjs";
import { ServerUnderTest, target } from "./lib/server.mjs";
import { raw, suite, timeout } from "./lib/suite.mjs";
import { fitsPage, topics } from "./lib/topics.mjs";

const flags = ["--per-message-deflate", "1024"];
const only = ["websocket", "upgrade"]; // it has no meaning for polling

// The general cases, with every message compressed, both ways.
for (const topic of ["echo", "acks", "rooms"]) {
  suite(`deflate: ${topic}`, topics[topic], { flags: ["--per-message-deflate", "1"], options: { perMessageDeflate: { threshold: 0 } }, only });
}

const long = "a message that comes again and again, ".repeat(2000);

/** read is how many bytes have come on the client's connection while f ran. */
async function read(s, f) {
  const socket = s.io.engine.transport.ws._socket;
  const before = socket.bytesRead;
  await f();
  return socket.bytesRead - before;
}

suite(
  "deflate",
  [
    {
      name: "T03: it is agreed on, and long messages are compressed",
      async run(t) {
        const s = await t.open();
        ok(s.io.engine.transport.ws.extensions.startsWith("permessage-deflate"), s.io.engine.transport.ws.extensions);
        const n = await read(s, async () => equal(await call(s, "echo", long), long));
        ok(n < long.length / 10, `${n} bytes for ${long.length}`);
      },
    },
    {
      name: "T03: short ones are not: the threshold",
      async run(t) {
        const s = await t.open("/", { perMessageDeflate: { threshold: 0, serverNoContextTakeover: true } });
        const text = "x".repeat(500);
        const n = await read(s, async () => equal(await call(s, "echo", text), text));
        ok(n > text.length, `${n} bytes for ${text.length}`);
      },
    },
    {
      name: "T03: attachments too",
      async run(t) {
        const s = await t.open();
        const bytes = new Uint8Array(100_000).fill(7);
        const n = await read(s, async () => equal(await call(s, "echo", bytes), bytes));
        ok(n < 10_000, `${n} bytes for ${bytes.length}`);
      },
    },
    {
      // The reference server's engine drops the flag on its way to a WebSocket.
      name: "T03 K13: compress(false)",
      async run(t) {
        const s = await t.open();
        for (const compress of [true, false]) {
          const n = await read(s, async () => {
            const came = next(s, "plain");
            s.emit("reply", { compress }, "plain", long);
            equal(await came, [long]);
          });
          const small = compress || t.by({ reference: true, sio: false });
          equal(n < long.length / 10, small, `compress(${compress}): ${n} bytes`);
        }
      },
    },
    {
      name: "T03 R01: a broadcast reaches clients with and without it, and with a smaller window",
      async run(t) {
        const sockets = [
          await t.open(),
          await t.open("/", { perMessageDeflate: false }),
          await t.open("/", { perMessageDeflate: { serverMaxWindowBits: 9 } }),
          await t.open(),
        ];
        equal(
          sockets.map((s) => s.io.engine.transport.ws.extensions.startsWith("permessage-deflate")),
          [true, false, true, true],
        );
        equal(sockets[2].io.engine.transport.ws._extensions["permessage-deflate"].params.server_max_window_bits, 9);
        const room = t.name("room");
        for (const s of sockets) await call(s, "join", [room]);
        const came = sockets.map((s) => next(s, "news"));
        await call(sockets[0], "cast", { from: "server", to: [room] }, "news", long, new Uint8Array(5000));
        for (const c of came) equal(await c, [long, new Uint8Array(5000)]);
      },
    },
  ],
  { flags, only },
);

raw(
  "deflate on the wire",
  [
    {
      name: "T03: an offer is answered once, without contexts",
      async run(server) {
        const w = await Wire.start(server, {}, { perMessageDeflate: true });
        ok(w.headers["sec-websocket-extensions"].startsWith("permessage-deflate"));
        if (target === "sio") equal(w.headers["sec-websocket-extensions"], "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        w.close();
      },
    },
    {
      name: "T03: a list of extensions that is none: 400",
      async run(server) {
        const answer = await wire(server, upgradeRequest(engine("websocket"), "Sec-WebSocket-Extensions: permessage-deflate; =\r\n"));
        ok(answer.startsWith("HTTP/1.1 400 "), answer);
      },
    },
    {
      // RFC 7692, section 7.1: such an offer is declined. The reference server refuses the request.
      name: "T03: an offer with a parameter that is none",
      async run(server) {
        const request = upgradeRequest(engine("websocket"), "Sec-WebSocket-Extensions: permessage-deflate; level=9\r\n");
        if (target === "reference") {
          ok((await wire(server, request)).startsWith("HTTP/1.1 400 "));
          return;
        }
        const w = await Wire.start(server, {}, { headers: { "Sec-WebSocket-Extensions": "permessage-deflate; level=9" }, perMessageDeflate: false });
        equal(w.headers["sec-websocket-extensions"], undefined);
        w.close();
      },
    },
  ],
  { flags },
);

describe("deflate, browser", () => {
  let server, proxy, browser, page;

  before(async () => {
    browser = await launch();
    server = await ServerUnderTest.start(["--per-message-deflate", "1"]);
    proxy = await serve(server);
    page = await open(browser, proxy.url);
  });

  after(async () => {
    await browser?.close();
    await proxy?.close();
    await server?.kill();
  });

  test("T03: Chromium agrees to it", { timeout }, async () => {
    const extensions = await page.evaluate(
      (path) =>
        new Promise((resolve, reject) => {
          const ws = new WebSocket(location.origin.replace("http", "ws") + path);
          ws.onopen = () => resolve(ws.extensions);
          ws.onerror = () => reject(new Error("no WebSocket"));
        }),
      "/socket.io/?EIO=4&transport=websocket",
    );
    ok(extensions.startsWith("permessage-deflate"), extensions);
  });

  for (const topic of ["echo", "rooms"]) {
    for (const c of topics[topic]) {
      if (!fitsPage(c, "websocket")) continue;
      test(`${c.name} [browser, websocket]`, { timeout }, async () => {
        const failed = await page.evaluate((a) => window.runCase(...a), [topic, c.name, "websocket", target]);
        if (failed) throw new Error(failed);
      });
    }
  }
});
