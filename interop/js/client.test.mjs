// The official client in Node: the cases that Node and a page share, and what only Node can show.

import { call, equal, next, ok } from "./lib/check.mjs";
import { suite } from "./lib/suite.mjs";
import { topics } from "./lib/topics.mjs";

for (const [topic, cases] of Object.entries(topics)) suite(topic, cases);

suite("node", [
  {
    name: "C10: extraHeaders reach the handshake, names in lower case",
    async run(t) {
      const s = await t.open("/", { extraHeaders: { "X-Extra": "one", authorization: "Bearer x", "x-list": ["a", "b"] } });
      const { headers } = await call(s, "handshake");
      equal([headers["x-extra"], headers.authorization], ["one", "Bearer x"]);
    },
  },
  {
    name: "C10: Origin makes the handshake cross-domain",
    async run(t) {
      const s = await t.open("/", { extraHeaders: { origin: "http://elsewhere.example" } });
      const { headers, xdomain } = await call(s, "handshake");
      equal([headers.origin, xdomain], ["http://elsewhere.example", true]);
    },
  },
  {
    name: "K01 S02: a Buffer is sent as binary and arrives as a Buffer",
    async run(t) {
      const s = await t.open();
      const back = next(s, "echo");
      s.emit("echo", Buffer.from("é"), { b: Buffer.alloc(0) });
      const [first, second] = await back;
      ok(Buffer.isBuffer(first) && Buffer.isBuffer(second.b), "not a Buffer");
      equal([first, second], [Buffer.from("é"), { b: Buffer.alloc(0) }]);
    },
  },
  {
    name: "T02: protocols of the client are offered as subprotocols, the first is chosen",
    modes: ["websocket"],
    async run(t) {
      const s = await t.open("/", { protocols: ["game.v2", "game.v1"] });
      equal(s.io.engine.transport.ws.protocol, "game.v2");
    },
  },
  {
    name: "C1: forceBase64: binary as text",
    async run(t) {
      const s = await t.open("/", { forceBase64: true });
      equal(await call(s, "echo", new Uint8Array([1, 2, 3])), new Uint8Array([1, 2, 3]));
    },
  },
  {
    name: "C1: timestampRequests and timestampParam: the server does not look at them",
    async run(t) {
      const s = await t.open("/", { timestampRequests: true, timestampParam: "stamp" });
      const { query } = await call(s, "handshake");
      ok(query.stamp, "no time stamp");
      equal(await call(s, "echo", 1), 1);
    },
  },
]);
