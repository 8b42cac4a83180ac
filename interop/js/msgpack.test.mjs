// Clients that are made with socket.io-msgpack-parser: the general cases, and both kinds of client on one server.
// sio knows them by themselves; the reference server, which has one parser for all, is told by a flag.

import msgpack from "socket.io-msgpack-parser";
import { call, equal, gather, next } from "./lib/check.mjs";
import { suite, target } from "./lib/suite.mjs";
import { topics } from "./lib/topics.mjs";

const options = { parser: msgpack };
const forAll = target === "reference" ? { flags: ["--parser", "socket.io-msgpack-parser"], parser: msgpack } : {};

// What the client's own encoder gets wrong or cannot say, and cases that write packets of the default encoding or show its limits.
const others = [
  "K01: echo of floats", // past 2^64
  "K01: echo of lone surrogates",
  "K01 S08: undefined becomes null, a Date its ISO text, functions inside null",
  "K01 S02 T05 H33: binary: a window of a longer buffer",
  "K01 S02 T05 H33: binary: beside lone surrogates and emoji",
  "K11 L13 C03: a second CONNECT ends the connection: forced server close",
  "K11 S03: 11 attachments from the client: connection closed, error on the server's sockets",
  "K11 S03: 11 attachments from the server: the client's parse error, and it comes back",
];
// And what cannot be had of the reference server with that parser: it takes ArrayBuffers for objects, and dates stay dates;
// the rest are connections that a case opens by itself, without the parser that this server has for all.
const notReference = [
  "K01 S08: the server's own encoder: no arguments, a date",
  "S03: 10 attachments in an ack, both ways",
  "C05: the same namespace twice needs two connections",
  "C10: query in the URL of the namespace's manager",
];
const runs = ({ name }) =>
  !others.includes(name) && (target === "sio" || !(notReference.includes(name) || name.startsWith("K01 S02 T05 H33: binary:")));

for (const [topic, cases] of Object.entries(topics)) {
  suite(`msgpack: ${topic}`, cases.filter(runs), { options, ...forAll });
}

/** mixed opens one client of each kind. */
const mixed = async (t) => [await t.open("/", { parser: undefined }), await t.open()];

if (target === "sio") {
  suite(
    "msgpack beside the default parser",
    [
      {
        name: "S10 R06: one room, text and nested binary for both",
        async run(t) {
          const sockets = await mixed(t);
          const news = sockets.map((s) => gather(s, "news"));
          const room = t.name("room");
          for (const s of sockets) await call(s, "join", [room]);
          const said = [1, "é", { list: [new Uint8Array([1, 2, 3]), null], 0: -1.5 }];
          for (const s of sockets) await call(s, "cast", { from: "server", to: [room] }, "news", ...said);
          for (const s of sockets) await call(s, "echo", 0);
          for (const list of news) equal(list, [said, said]);
        },
      },
      {
        name: "S10: dates, undefined and the infinities are what JSON.stringify makes of them",
        async run(t) {
          const s = await t.open();
          const at = new Date(1234567890123);
          const back = next(s, "echo");
          s.emit("echo", at, undefined, { a: undefined, b: NaN }, [-Infinity]);
          equal(await back, [at.toISOString(), null, { b: null }, [null]]);
        },
      },
      {
        name: "S10: an event with binary is one message",
        modes: ["websocket"],
        async run(t) {
          const s = await t.open();
          const seen = gather(s.io.engine, "message");
          equal(await call(s, "echo", new Uint8Array(100)), new Uint8Array(100));
          equal(seen.length, 1);
        },
      },
    ],
    { options },
  );
}
