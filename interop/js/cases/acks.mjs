// Acknowledgements both ways, timeouts, retries, volatile.

import { call, equal, gather, next, numbered, ok, oneOf, rejects, until } from "../lib/check.mjs";

const bin = (...bytes) => new Uint8Array(bytes);

export default [
  {
    name: "K02: client->server ack with several answers",
    async run(t) {
      const s = await t.open();
      const answer = await new Promise((resolve) => s.emit("echo", 1, "two", [3], (...args) => resolve(args)));
      equal(answer, [1, "two", [3]]);
    },
  },
  {
    name: "K02: client->server ack without an answer's argument",
    async run(t) {
      const s = await t.open();
      const answer = await new Promise((resolve) => s.emit("echo", (...args) => resolve(args)));
      equal(answer, []);
    },
  },
  {
    name: "K02 K01: client->server ack with nested binary",
    async run(t) {
      const s = await t.open();
      const answer = await new Promise((resolve) =>
        s.emit("echo", { a: [bin(1, 2), { b: bin() }] }, "x", bin(3), (...args) => resolve(args)),
      );
      equal(answer, [{ a: [bin(1, 2), { b: bin() }] }, "x", bin(3)]);
    },
  },
  {
    name: "K02: emitWithAck is the first argument of the answer",
    async run(t) {
      const s = await t.open();
      equal(await s.emitWithAck("echo", "a", "b"), "a");
    },
  },
  {
    name: "K02: the first call of an ack wins, the second is not sent",
    async run(t) {
      const s = await t.open();
      const acks = [];
      const packets = gather(s.io, "packet");
      s.emit("ack.twice", (v) => acks.push(v));
      equal(await call(s, "echo", "after"), "after");
      equal(acks, ["first"]);
      equal(packets.filter(([p]) => p.type === 3).length, 2, "ACK packets on the wire: one each");
    },
  },
  {
    name: "K02: 200 acks in flight, each gets its own",
    async run(t) {
      const s = await t.open();
      equal(await Promise.all(numbered(200).map((i) => call(s, "echo", i))), numbered(200));
    },
  },
  {
    name: "K04: client's ack timeout, by callback and by promise",
    async run(t) {
      const s = await t.open();
      const err = await new Promise((resolve) => s.timeout(50).emit("ack.never", resolve));
      equal(err.message, "operation has timed out");
      equal((await rejects(s.timeout(50).emitWithAck("ack.never"))).message, "operation has timed out");
      equal(await call(s, "echo", "alive"), "alive");
    },
  },
  {
    name: "K03: server->client ack with several answers",
    async run(t) {
      const s = await t.open();
      s.on("question", (a, b, ack) => ack(a + b, { a, b }, null));
      equal(await call(s, "ask", 5000, "question", 1, 2), { error: null, values: [3, { a: 1, b: 2 }, null] });
    },
  },
  {
    name: "K03: server->client ack without arguments",
    async run(t) {
      const s = await t.open();
      s.on("question", (...args) => args.pop()(...args));
      equal(await call(s, "ask", 5000, "question"), { error: null, values: [] });
    },
  },
  {
    name: "K03 K01: server->client ack with binary both ways",
    async run(t) {
      const s = await t.open();
      s.on("question", (x, ack) => ack({ back: [x.in] }, bin(9)));
      const { error, values } = await call(s, "ask", 5000, "question", { in: bin(1, 2, 3) });
      equal([error, values], [null, [{ back: [bin(1, 2, 3)] }, bin(9)]]);
    },
  },
  {
    name: "K04: server->client ack that never comes: timeout, and a late one is ignored",
    async run(t) {
      const s = await t.open();
      let late;
      s.on("question", (ack) => (late = ack));
      equal(await call(s, "ask", 100, "question"), { error: "timeout", values: [] });
      late("too late");
      equal(await call(s, "echo", "alive"), "alive");
    },
  },
  {
    name: "K03: an event of the server without an ack id has no callback",
    async run(t) {
      const s = await t.open();
      const told = next(s, "told");
      s.emit("reply", {}, "told", 1, "x");
      equal(await told, [1, "x"]);
    },
  },
  {
    name: "K03: many questions of the server at once, answered in reverse",
    async run(t) {
      const s = await t.open();
      const waiting = [];
      s.on("question", (i, ack) => {
        waiting.push(() => ack(i * 2));
        if (waiting.length === 20) waiting.reverse().forEach((f) => f());
      });
      const answers = await Promise.all(numbered(20).map((i) => call(s, "ask", 5000, "question", i)));
      equal(answers.map((a) => a.values[0]), numbered(20).map((i) => i * 2));
    },
  },
  {
    name: "K04 K05: a question to a client that leaves ends with an error",
    async run(t) {
      const s = await t.open();
      const asked = next(s, "question");
      const answer = t.control("ask", "/", s.id, 400, "question");
      await asked;
      s.disconnect();
      const { error, values } = await answer;
      // The reference only knows its timer; sio tells that the peer has gone.
      equal([error, values], [t.by({ reference: "timeout", sio: "disconnected" }), []]);
    },
  },
  {
    name: "K06 R06: broadcast with ack: all answer",
    async run(t) {
      const room = t.name("room");
      const all = await Promise.all(numbered(3).map(() => t.open()));
      for (const [i, s] of all.entries()) {
        await call(s, "join", [room]);
        s.on("poll", (x, ack) => ack({ i, x }));
      }
      const { error, values } = await t.control("cast.ask", "/", { to: [room] }, 5000, "poll", bin(7));
      equal(error, null);
      equal(values.sort((a, b) => a.i - b.i), numbered(3).map((i) => ({ i, x: bin(7) })));
    },
  },
  {
    name: "K06: broadcast with ack: one silent: error with the answers of the others",
    async run(t) {
      const room = t.name("room");
      const all = await Promise.all(numbered(3).map(() => t.open()));
      for (const [i, s] of all.entries()) {
        await call(s, "join", [room]);
        s.on("poll", (ack) => i !== 1 && ack(i));
      }
      const { error, values } = await t.control("cast.ask", "/", { to: [room] }, 400, "poll");
      equal([error, values.sort()], ["timeout", [0, 2]]);
    },
  },
  {
    name: "K06: broadcast with ack to nobody: an empty list, no error",
    async run(t) {
      equal(await t.control("cast.ask", "/", { to: [t.name("empty")] }, 5000, "poll"), { error: null, values: [] });
    },
  },
  {
    name: "K06 R06: broadcast with ack by a socket leaves the sender out",
    async run(t) {
      const room = t.name("room");
      const [a, b] = await Promise.all([t.open(), t.open()]);
      for (const [who, s] of [["a", a], ["b", b]]) {
        await call(s, "join", [room]);
        s.on("poll", (ack) => ack(who));
      }
      equal(await call(a, "cast.ask", { from: "socket", to: [room] }, 5000, "poll"), { error: null, values: ["b"] });
    },
  },
  {
    name: "C1: retries and ackTimeout: sent again until acknowledged, one at a time, in order",
    async run(t) {
      const s = await t.open("/", { ask: false, retries: 10, ackTimeout: 200 });
      const key = t.name("key");
      const done = [];
      const answers = await Promise.all([
        new Promise((resolve) => s.emit("flaky", `${key}a`, 2, (err, n) => (done.push("a"), resolve([err, n])))),
        new Promise((resolve) => s.emit("flaky", `${key}b`, 0, (err, n) => (done.push("b"), resolve([err, n])))),
      ]);
      // The attempt that was answered; a slow answer is one attempt more.
      const [[err1, attempt1], [err2, attempt2]] = answers;
      equal([err1, err2], [null, null]);
      ok(attempt1 >= 3 && attempt2 >= 1, `answered attempts ${attempt1} and ${attempt2}`);
      equal(done, ["a", "b"]);
    },
  },
  {
    name: "C1: retries run out: the callback gets the error, the queue goes on",
    async run(t) {
      const s = await t.open("/", { ask: false, retries: 1, ackTimeout: 500 });
      const key = t.name("key");
      const [err] = await new Promise((resolve) => s.emit("flaky", key, 100, (...args) => resolve(args)));
      equal(err.message, "operation has timed out");
      const [none, attempt] = await new Promise((resolve) => s.emit("flaky", key, 0, (...args) => resolve(args)));
      equal(none, null);
      ok(attempt >= 3, `attempt ${attempt} was answered, after two that were not`);
    },
  },
  {
    name: "R08: volatile client->server: dropped while not connected, sent while connected",
    async run(t) {
      const s = t.dial();
      const back = gather(s, "echo");
      s.volatile.emit("echo", "too early");
      await t.connected(s);
      await t.settled(s);
      // In polling mode a POST may be on its way; then even now a volatile event is dropped.
      await until(async () => {
        s.volatile.emit("echo", "now");
        await call(s, "echo", 0);
        return back.length > 0;
      }, "a volatile event arrived");
      ok(back.every(([v]) => v === "now"), "the early one was sent");
    },
  },
  {
    name: "R08: volatile server->client: an idle client gets it",
    async run(t) {
      const s = await t.open();
      const got = gather(s, "fleeting");
      await until(async () => {
        s.emit("reply", { volatile: true }, "fleeting", "x", bin(1));
        await call(s, "echo", 0);
        return got.length > 0;
      }, "a volatile event arrived");
      equal(got[0], ["x", bin(1)]);
    },
  },
  {
    name: "R08 R06: volatile broadcast: idle clients get it, and what is not volatile comes always",
    async run(t) {
      const room = t.name("room");
      const s = await t.open();
      await call(s, "join", [room]);
      const got = gather(s, "fleeting");
      const sure = gather(s, "sure");
      await until(async () => {
        await t.control("cast", "/", { to: [room], volatile: true }, "fleeting", 1);
        await t.control("cast", "/", { to: [room] }, "sure", 1);
        await call(s, "echo", 0);
        return got.length > 0;
      }, "a volatile broadcast arrived");
      ok(sure.length >= got.length, "a lasting event was lost");
    },
  },
  {
    name: "K13: compress(false) changes nothing for the receiver",
    async run(t) {
      const s = await t.open();
      const got = gather(s, "plain");
      const text = "abc".repeat(2000);
      s.emit("reply", { compress: false }, "plain", text);
      await call(s, "cast", { to: [s.id], compress: false }, "plain", text);
      await until(() => got.length === 2, "both came");
      oneOf(got[0][0], [text]);
      equal(got[1], [text]);
    },
  },
];
