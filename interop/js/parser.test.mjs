// The encoding of lib/parcels.mjs on both sides, in place of the default one: S10.

import { call, equal, next } from "./lib/check.mjs";
import parcels from "./lib/parcels.mjs";
import { suite } from "./lib/suite.mjs";
import { topics } from "./lib/topics.mjs";

const all = { flags: ["--parser", "parcels"], options: { parser: parcels }, parser: parcels };

// Bounds and packets of the default encoding, connections that a case opens by itself, and what a string of Go cannot hold.
const others = [/^K11 S03/, /^C05: the same namespace twice/, /^C10: query in the URL/, /^K11 L13 C03: a second CONNECT/, /S08/, /surrogates/];

for (const topic of ["echo", "acks", "rooms", "namespaces", "disconnect", "order"]) {
  suite(`parser: ${topic}`, topics[topic].filter(({ name }) => !others.some((o) => o.test(name))), all);
}

suite(
  "parser",
  [
    {
      name: "S10: the messages are the parser's own",
      modes: ["websocket"],
      async run(t) {
        const s = await t.open();
        const message = next(s.io.engine, "message");
        s.emit("echo", 1);
        equal(JSON.parse((await message)[0]), { type: 2, nsp: "/", data: ["echo", 1] });
      },
    },
    {
      name: "S07 K11: what the parser cannot read ends the connection",
      async run(t) {
        const s = await t.open();
        const { id } = s;
        const ended = next(s, "disconnect");
        s.io.engine.send("no parcel");
        await ended;
        equal((await t.gone(id)).reason, "forced close");
      },
    },
    {
      name: "S12 K11: a packet that is not complete goes with its connection",
      async run(t) {
        const s = await t.open();
        s.io.engine.send(JSON.stringify({ type: 2, nsp: "/", data: ["echo", { $: 0 }], buffers: 1 }));
        const { id } = s;
        s.disconnect();
        await t.gone(id);
        equal(await call(await t.open(), "echo", 1), 1);
      },
    },
  ],
  all,
);
