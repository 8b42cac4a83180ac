// Coming back after the connection was lost, through a tunnel that can be cut and frozen.

import { call, equal, gather, next, numbered, ok, pause, until } from "./lib/check.mjs";
import { target } from "./lib/server.mjs";
import { own, suite } from "./lib/suite.mjs";
import { Tunnel } from "./lib/tunnel.mjs";

const short = ["--ping-interval", "1000", "--ping-timeout", "1000"];

/** A Trip is a client in a namespace of its own, behind a tunnel, and what it has got: [name, first argument] of each event. */
class Trip {
  static async begin(t, nsp = `/dyn/${t.name()}`, opts = {}) {
    const trip = new Trip();
    Object.assign(trip, { t, got: [] });
    trip.tunnel = await Tunnel.open(t.server.port);
    try {
      trip.socket = t.dial(nsp, { url: trip.tunnel.url, reconnection: true, ...opts });
      trip.socket.onAny((event, arg) => trip.got.push([event, arg]));
      await t.connected(trip.socket);
      if (!opts.retries) await t.settled(trip.socket);
      else await until(() => trip.socket.io.engine.transport.name === (t.mode === "polling" ? "polling" : "websocket"), "the final transport");
      trip.first = trip.socket.id;
    } catch (err) {
      trip.end();
      throw err;
    }
    return trip;
  }

  /** cast emits to rooms, or to all without any. */
  cast(to, ...event) {
    return this.t.control("cast", this.socket.nsp, { to }, ...event);
  }

  /** lose cuts the client off until back; the server has seen the end when it is done. */
  async lose() {
    const { id } = this.socket;
    const ended = next(this.socket, "disconnect");
    this.tunnel.shut();
    this.tunnel.cut();
    await ended;
    await this.t.gone(id);
  }

  /** back lets the client back, and checks whether it has its state again. */
  async back(recovered = true) {
    this.tunnel.admit();
    await this.is(recovered);
  }

  /** cut cuts the client off for a moment: between two polls there is nothing to cut. */
  async cut() {
    let ended = false;
    this.socket.once("disconnect", () => (ended = true));
    await until(() => ended || this.tunnel.cut(), "the client has noticed");
  }

  async is(recovered) {
    const { t, socket } = this;
    await until(() => socket.connected, "the client is back");
    await t.settled(socket);
    equal([!!socket.recovered, socket.id === this.first], [recovered, recovered], "recovered, same id, for the client");
    equal((await call(socket, "about")).recovered, recovered, "recovered, for the server");
  }

  /** has checks what has come, when all is there. */
  async has(...events) {
    await call(this.socket, "echo", "all there");
    equal(this.got.splice(0), events, "events");
  }

  end() {
    this.socket?.io.reconnection(false);
    this.socket?.disconnect();
    this.tunnel.close();
  }
}

/** trip is a case with a client behind a tunnel. */
const trip = (name, run, { only, opts, nsp } = {}) => ({
  name,
  only,
  async run(t) {
    const x = await Trip.begin(t, nsp, opts);
    try {
      await run(x, t);
    } finally {
      x.end();
    }
  },
});

/** here keeps the cases that the server under test is to pass: some are beyond the reference server. */
const here = (cases) => cases.filter((c) => !c.only || c.only === target);
const sio = { only: "sio" };

const cases = [
  trip("V02 V03 V04 V07: missed events to all, to rooms and to the client itself, with binary", async (x) => {
    await call(x.socket, "join", ["in", "in too"]);
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await x.lose();
    await x.cast([], "news", 1);
    await x.cast(["in", "in too"], "news", 2);
    await x.cast(["out"], "news", "not for it");
    await x.t.control("cast", x.socket.nsp, { except: ["in"] }, "news", "not for it");
    await x.cast([x.first], "news", new Uint8Array([1, 2]));
    await x.t.control("cast", x.socket.nsp, { volatile: true }, "news", "volatile");
    await x.back();
    await x.cast(["in too"], "news", 3);
    await x.has(["news", 1], ["news", 2], ["news", new Uint8Array([1, 2])], ["news", 3]);
    equal((await call(x.socket, "rooms")).length, 3, "rooms");
  }),
  trip("V04: five times in a row, with events before, during and after", async (x) => {
    for (const i of numbered(5)) {
      await x.cast([], "live", i);
      await x.has(["live", i]);
      await x.lose();
      await x.cast([], "missed", i);
      await x.back();
      await x.has(["missed", i]);
    }
  }),
  trip("V04: five times in a row, nothing ever sent", async (x) => {
    for (let i = 0; i < 5; i++) {
      await x.lose();
      await x.back();
    }
    await x.has();
  }, sio),
  trip("V04: nothing was sent before", async (x) => {
    await x.lose();
    await x.cast([], "news", 1);
    await x.back();
    await x.has(["news", 1]);
  }, sio),
  trip("V04: the old connection is still thought to live", async (x, t) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    const { engine } = x.socket.io;
    x.tunnel.freeze();
    await x.cast([], "news", 1); // into the frozen connection
    const ended = next(x.socket, "disconnect");
    engine._onClose("transport close"); // as when it finds itself in another network: nobody hears of it
    await ended;
    x.tunnel.thaw();
    await x.is(true);
    await x.has(["news", 1]);
    await x.cast([], "news", 2);
    await x.has(["news", 2]);
  }, sio),
  trip("V04 V05: a frozen network: ping timeout, then back", async (x, t) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    const ended = next(x.socket, "disconnect");
    x.tunnel.freeze();
    await x.cast([], "news", 1);
    equal((await ended)[0], "ping timeout");
    x.tunnel.shut();
    equal((await t.gone(x.first)).reason, "ping timeout");
    await x.cast([], "news", 2);
    await x.back();
    await x.has(["news", 1], ["news", 2]);
  }),
  trip("V04: a burst during the outage", async (x) => {
    await x.cast([], "news", "first");
    await x.has(["news", "first"]);
    await x.lose();
    for (let i = 0; i < 2000; i += 50) await Promise.all(numbered(50).map((k) => x.cast([], "burst", i + k)));
    await x.back();
    await call(x.socket, "echo", "all there");
    equal(x.got.map(([, i]) => i), numbered(2000));
  }),
  trip("V04 V07: rooms change just before the cut", async (x) => {
    await call(x.socket, "join", ["leaves", "stays"]);
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await call(x.socket, "leave", "leaves");
    await call(x.socket, "join", ["new"]);
    await x.lose();
    await x.cast(["leaves"], "news", "not for it");
    await x.cast(["new"], "news", 1);
    await x.cast(["stays"], "news", 2);
    await x.back();
    await x.has(["news", 1], ["news", 2]);
    equal(await call(x.socket, "rooms"), [x.first, "new", "stays"].sort());
  }),
  trip("V04: the others' rooms change during the outage, and they are disconnected", async (x, t) => {
    await call(x.socket, "join", ["room"]);
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await x.lose();
    await t.control("sockets.join", x.socket.nsp, {}, ["all"]);
    await t.control("sockets.leave", x.socket.nsp, {}, ["room"]);
    await t.control("sockets.disconnect", x.socket.nsp, {}, true);
    await x.cast(["room"], "news", 1);
    await x.cast(["all"], "news", "not for it");
    await x.back();
    await x.has(["news", 1]);
    equal(await call(x.socket, "rooms"), [x.first, "room"].sort());
  }),
  trip("V04 C12: what the server keeps of the client comes back", async (x) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await x.lose();
    x.socket.auth = { tag: "another" };
    await x.back();
    equal((await call(x.socket, "about")).tag, "mine");
  }, { opts: { auth: { tag: "mine" } } }),
  trip("V04 C05: two namespaces of one connection", async (x, t) => {
    const other = t.dial("/static", { manager: x.socket.io });
    const news = gather(other, "news");
    await t.connected(other);
    const { id } = other;
    await x.cast([], "news", 0);
    await t.control("cast", "/static", {}, "news", 0);
    await until(() => news.length === 1, "the first");
    await x.has(["news", 0]);
    await x.lose();
    await x.cast([], "news", 1);
    await t.control("cast", "/static", {}, "news", 1);
    await x.back();
    await t.connected(other);
    equal([other.recovered, other.id], [true, id]);
    await until(() => news.length === 2, "the second");
    await x.has(["news", 1]);
  }),
  trip("V05: whom the server disconnected begins anew", async (x, t) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    const ended = next(x.socket, "disconnect");
    await t.control("end", x.socket.nsp, x.socket.id, false);
    await ended;
    x.socket.connect();
    await t.connected(x.socket);
    await x.is(false);
  }),
  trip("V05: who has left begins anew", async (x, t) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    x.socket.disconnect();
    await t.gone(x.first);
    x.socket.connect();
    await t.connected(x.socket);
    await x.is(false);
  }),
  trip("V05: who has sent what is no packet comes back", async (x) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    const ended = next(x.socket, "disconnect");
    x.socket.io.engine.write("2nonsense");
    await ended;
    await x.cast([], "news", 1);
    await x.is(true);
    await x.has(["news", 1]);
  }),
  trip("V03: volatile events do not spoil what the client says it has got", async (x, t) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await until(async () => {
      await t.control("cast", x.socket.nsp, { volatile: true }, "tick");
      await t.control("cast", x.socket.nsp, { volatile: true }, "say", "hello");
      return x.got.some(([event]) => event === "tick") && x.got.some(([event]) => event === "say");
    }, "volatile events came");
    await x.lose();
    x.got.splice(0);
    await x.cast([], "news", 1);
    await x.back();
    await x.has(["news", 1]);
  }, sio),
  trip("C1 V04: what the client emits offline comes behind, in order; answers are not lost for it", async (x) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await x.lose();
    const answers = [];
    for (const i of numbered(20)) x.socket.emit("echo", i, () => answers.push(i));
    await x.cast([], "news", 1);
    await x.back();
    await x.has(["news", 1]);
    equal(answers, numbered(20));
  }),
  trip("C1 V04: retries and ackTimeout over three outages: in order, at least once", async (x) => {
    const answers = [];
    const send = (i) => x.socket.emit("echo", i, (err, v) => answers.push(err ? err.message : v));
    for (const round of numbered(3)) {
      numbered(10).forEach((i) => send(round * 20 + i));
      await until(() => answers.length > round * 20 + 2, "the first answers");
      await x.cut();
      numbered(10).forEach((i) => send(round * 20 + 10 + i));
      await until(() => answers.length === (round + 1) * 20, "all answers");
      ok(x.socket.recovered || target !== "sio", "recovered");
    }
    equal(answers, numbered(60));
  }, { opts: { retries: 50, ackTimeout: 500 } }),
  trip("V04: cut at random while four senders broadcast: complete, once, in order", async (x) => {
    await call(x.socket, "join", ["a", "b"]);
    const rooms = [["a"], ["b"], ["a", "b"], []];
    const sent = [0, 0, 0, 0];
    const seen = [0, 0, 0, 0];
    const wrong = [];
    x.socket.on("n", (k, i) => {
      if (i !== seen[k]) wrong.push(`sender ${k}: ${i} after ${seen[k] - 1}`);
      seen[k] = i + 1;
    });
    await Promise.all(rooms.map((to, k) => x.cast(to, "n", k, sent[k]++)));
    await until(() => seen.every((n) => n === 1), "the first of each");
    let stop = false;
    const senders = rooms.map(async (to, k) => {
      while (!stop) {
        // More than 1 MiB missed is begun anew: an outage of a second would be enough.
        await until(() => stop || sent[k] - seen[k] < 1000, "the client keeps up");
        await x.cast(to, "n", k, sent[k]++);
      }
    });
    for (let cuts = 0; cuts < 15; cuts++) {
      const target = seen[0] + Math.floor(Math.random() * 20);
      await until(() => seen[0] > target, "some events");
      await x.cut();
      await until(() => x.socket.connected, "it is back");
      ok(x.socket.recovered, `recovered after cut ${cuts}`);
    }
    stop = true;
    await Promise.all(senders);
    await until(() => seen.every((n, k) => n >= sent[k]), "all events");
    await call(x.socket, "echo", "all there");
    equal([wrong, seen], [[], sent]);
    equal(x.socket.id, x.first);
  }, sio),
];

suite("recovery", here(cases), { flags: ["--recovery", "60000", ...short], concurrency: 2 });

suite(
  "recovery, expired",
  here([
    trip("V06: who comes too late begins anew", async (x) => {
      await x.cast([], "news", 0);
      await x.has(["news", 0]);
      await x.lose();
      await x.cast([], "news", "missed for good");
      await pause(1200);
      await x.back(false);
      await x.has();
      equal(await call(x.socket, "rooms"), [x.socket.id]);
      x.first = x.socket.id;
      await x.cast([], "news", 1);
      await x.has(["news", 1]);
      await x.lose();
      await x.back(); // which is not for ever
    }),
    trip("V04: a long time idle, then a cut", async (x) => {
      await x.cast([], "news", 0);
      await x.has(["news", 0]);
      // Ten times as long as anything is kept; others get events all the time.
      for (let i = 0; i < 30; i++) {
        await pause(200);
        await x.cast(["others"], "news", "not for it");
      }
      await x.lose();
      await x.cast([], "news", 1);
      await x.back();
      await x.has(["news", 1]);
    }, sio),
  ]),
  { flags: ["--recovery", "1000", "--ping-interval", "100", "--ping-timeout", "800"], concurrency: 6 },
);

own("recovery, restart", [
  {
    name: "V06 O06: a server that was killed knows nobody, one that knows nothing sent yet knows its own",
    flags: ["--recovery", "60000", ...short],
    async run(t) {
      const x = await Trip.begin(t);
      try {
        await x.cast([], "news", 0);
        await x.has(["news", 0]);
        await t.server.kill();
        await t.server.restart();
        await until(() => x.socket.connected && x.socket.id !== x.first, "the client is back");
        await x.is(false);
        // Its offset is still one of the server before.
        x.first = x.socket.id;
        if (target !== "sio") return;
        await x.lose();
        await x.back();
      } finally {
        x.end();
      }
    },
  },
]);

suite("no recovery", [
  trip("V01: without the option there is no secret, and who comes back begins anew", async (x) => {
    await x.cast([], "news", 0);
    await x.has(["news", 0]);
    await x.lose();
    await x.back(false);
    equal(x.socket.recovered, undefined);
  }),
], { flags: short });
