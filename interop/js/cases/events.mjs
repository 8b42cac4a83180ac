// Listeners: catch-all, socket middleware, names that are reserved, numeric or odd.

import { call, equal, gather, next, throws, until } from "../lib/check.mjs";

const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

export default [
  {
    name: "K08: the server's catch-all listener sees every event, handled or not",
    async run(t) {
      const s = await t.open("/watch", { ask: false });
      s.emit("echo", 1);
      s.emit("nobody.listens", new Uint8Array([1]));
      await call(s, "echo", 2);
      equal((await call(s, "report")).in, ["echo", "nobody.listens", "echo", "report"]);
    },
  },
  {
    name: "K08 R09: the server's outgoing catch-all sees emits and broadcasts, not acks",
    async run(t) {
      const s = await t.open("/watch", { ask: false });
      const other = await t.open("/watch", { ask: false });
      const room = t.name("room");
      await call(s, "join", [room]);
      s.emit("reply", {}, "direct", 1);
      await call(s, "cast", { to: [room] }, "to room", 2, new Uint8Array([3]));
      await call(s, "cast", { from: "socket", to: [other.id] }, "to other", 3);
      equal((await call(s, "report")).out, ["direct", "to room"]);
      equal((await call(other, "report")).out, ["to other"]);
    },
  },
  {
    name: "C14 K08: socket middleware drops an event: error event, handler not run, catch-all saw it",
    async run(t) {
      const s = await t.open("/watch", { ask: false });
      const ran = gather(s, "blocked.ran");
      const report = next(s, "error.report");
      s.emit("blocked", 1, "x");
      equal(await report, ["blocked", { args: [1, "x"] }]);
      equal(await call(s, "echo", "others pass"), "others pass");
      equal(ran, []);
      equal((await call(s, "report")).in, ["blocked", "echo", "report"]);
    },
  },
  {
    name: "C14: socket middleware does not see acks",
    async run(t) {
      const s = await t.open("/watch", { ask: false });
      s.on("question", (ack) => ack("answer"));
      equal(await call(s, "ask", 5000, "question"), { error: null, values: ["answer"] });
      equal((await call(s, "report")).in, ["ask", "report"]);
    },
  },
  {
    name: "K08: the client's catch-all listeners, in and out",
    async run(t) {
      const s = await t.open();
      const seen = { in: [], out: [] };
      s.onAny((...args) => seen.in.push(args));
      s.onAnyOutgoing((...args) => seen.out.push(args));
      const back = next(s, "echo");
      s.emit("echo", 1, "x");
      await back;
      equal(seen, { in: [["echo", 1, "x"]], out: [["echo", 1, "x"]] });
    },
  },
  {
    name: "R10: the client refuses to emit reserved names",
    async run(t) {
      const s = await t.open();
      for (const name of reserved) equal(throws(() => s.emit(name)).message, `"${name}" is a reserved event name`);
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "R10: the server refuses to emit reserved names, to a socket and to a namespace",
    async run(t) {
      const s = await t.open();
      for (const name of reserved) equal(await call(s, "refuse", name), [true, true], name);
      equal(await call(s, "refuse", "ordinary"), [false, false]);
    },
  },
  {
    name: "S06 K01: numeric event names",
    async run(t) {
      const s = await t.open();
      const got = gather(s, "numeric");
      s.emit(42, "a", 1);
      s.emit("42", "b", 2);
      await until(() => got.length === 2, "both were handled");
      equal(got, [["a", 1], ["b", 2]]);
    },
  },
  {
    name: "K10: a client may emit an event called error",
    async run(t) {
      const s = await t.open();
      const seen = next(s, "error.seen");
      s.emit("error", "all is well", 1);
      equal(await seen, ["all is well", 1]);
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "K10: an event called error without a listener for it is harmless",
    async run(t) {
      const s = await t.open();
      const other = await t.open("/static");
      s.emit("reply", {}, "error", "from the server");
      s.emit("error");
      other.emit("error", null);
      equal(await call(s, "echo", 1), 1);
      equal(await call(other, "echo", 1), 1);
    },
  },
  {
    name: "K09: handlers of one socket run in arrival order, binary between text",
    async run(t) {
      const s = await t.open();
      const order = [];
      const echo = (i, ...more) => call(s, "echo", i, ...more).then((v) => order.push(v));
      const n = Array.from({ length: 50 }, (_, i) => i);
      await Promise.all(n.map((i) => (i % 2 ? echo(i, new Uint8Array(1000)) : echo(i))));
      equal(order, n);
    },
  },
];
