// Rooms, operators, broadcasts, the server-wide utility methods.

import { call, equal, gather, ok, until } from "../lib/check.mjs";

/** crowd opens n clients and lists for each the "news" that it got. */
async function crowd(t, n, nsp = "/") {
  const sockets = await Promise.all(Array.from({ length: n }, () => t.open(nsp)));
  return { sockets, news: sockets.map((s) => gather(s, "news")) };
}

/** settle makes sure that all that was sent before has arrived, by a round trip on each socket. */
const settle = (sockets) => Promise.all(sockets.map((s) => call(s, "echo", 0)));

const first = (lists) => lists.map((l) => l.map(([v]) => v));

export default [
  {
    name: "R01 R02: own room, join one and many, twice the same, leave",
    async run(t) {
      const s = await t.open();
      const [a, b] = [t.name("a"), t.name("b")];
      const sorted = (...rooms) => [s.id, ...rooms].sort();
      equal(await call(s, "rooms"), [s.id]);
      equal(await call(s, "join", [a]), sorted(a));
      equal(await call(s, "join", [a, b]), sorted(a, b));
      equal(await call(s, "leave", a), sorted(b));
      equal(await call(s, "leave", a), sorted(b), "leaving again");
      equal(await call(s, "leave", t.name("never")), sorted(b), "leaving what was never joined");
    },
  },
  {
    name: "R02 R04: members of a room; an empty room is gone; odd names",
    async run(t) {
      const s = await t.open();
      for (const room of [t.name("r"), "", "é😀", "a b/c,d", "x".repeat(500), "__proto__"]) {
        const members = async () => (await t.control("fetch", "/", { to: [room] })).map((m) => m.id).includes(s.id);
        await call(s, "join", [room]);
        equal(await members(), true, `in ${room.slice(0, 10)}`);
        await call(s, "leave", room);
        equal(await members(), false, `out of ${room.slice(0, 10)}`);
      }
    },
  },
  {
    name: "R06: to a room: members only, sender included when the server sends",
    async run(t) {
      const { sockets, news } = await crowd(t, 3);
      const room = t.name("room");
      await call(sockets[0], "join", [room]);
      await call(sockets[1], "join", [room]);
      await call(sockets[0], "cast", { from: "server", to: [room] }, "news", 1);
      await settle(sockets);
      equal(first(news), [[1], [1], []]);
    },
  },
  {
    name: "R06: socket.to leaves the sender out",
    async run(t) {
      const { sockets, news } = await crowd(t, 3);
      const room = t.name("room");
      await call(sockets[0], "join", [room]);
      await call(sockets[1], "join", [room]);
      await call(sockets[0], "cast", { from: "socket", to: [room] }, "news", 1);
      await settle(sockets);
      equal(first(news), [[], [1], []]);
    },
  },
  {
    name: "R06: the union of rooms reaches each client once",
    async run(t) {
      const { sockets, news } = await crowd(t, 4);
      const [a, b, c] = [t.name("a"), t.name("b"), t.name("c")];
      await call(sockets[0], "join", [a, b, c]);
      await call(sockets[1], "join", [a]);
      await call(sockets[2], "join", [b, c]);
      await call(sockets[3], "cast", { to: [a, b, c, a] }, "news", 1);
      await settle(sockets);
      equal(first(news), [[1], [1], [1], []]);
    },
  },
  {
    name: "R06: except, on the server and on a socket",
    async run(t) {
      const { sockets, news } = await crowd(t, 4);
      const [a, b] = [t.name("a"), t.name("b")];
      for (const s of sockets) await call(s, "join", [a]);
      await call(sockets[1], "join", [b]);
      await call(sockets[0], "cast", { from: "server", to: [a], except: [b] }, "news", "server");
      await call(sockets[0], "cast", { from: "socket", to: [a], except: [b, sockets[2].id] }, "news", "socket");
      await settle(sockets);
      equal(first(news), [["server"], [], ["server"], ["server", "socket"]]);
    },
  },
  {
    name: "R06: except alone means everyone else in the namespace",
    async run(t) {
      const nsp = `/dyn/${t.name("n")}`;
      const { sockets, news } = await crowd(t, 3, nsp);
      await call(sockets[0], "cast", { except: [sockets[1].id] }, "news", 1);
      await settle(sockets);
      equal(first(news), [[1], [], [1]]);
    },
  },
  {
    name: "R06 R01: to another socket's id; to one's own id from a socket reaches nobody",
    async run(t) {
      const { sockets, news } = await crowd(t, 2);
      await call(sockets[0], "cast", { from: "socket", to: [sockets[1].id] }, "news", "private");
      await call(sockets[0], "cast", { from: "socket", to: [sockets[0].id] }, "news", "self");
      await call(sockets[0], "cast", { from: "server", to: [sockets[0].id] }, "news", "by server");
      await settle(sockets);
      equal(first(news), [["by server"], ["private"]]);
    },
  },
  {
    name: "R06: broadcast to the whole namespace, with and without the sender, local",
    async run(t) {
      const nsp = `/dyn/${t.name("n")}`;
      const { sockets, news } = await crowd(t, 3, nsp);
      await call(sockets[0], "cast", { from: "server" }, "news", "all");
      await call(sockets[0], "cast", { from: "socket" }, "news", "others");
      await call(sockets[0], "cast", { from: "server", local: true }, "news", "local");
      await settle(sockets);
      equal(first(news), [["all", "local"], ["all", "others", "local"], ["all", "others", "local"]]);
    },
  },
  {
    name: "R06 S02: broadcast of several arguments with nested binary, to all transports alike",
    async run(t) {
      const { sockets, news } = await crowd(t, 3);
      const room = t.name("room");
      for (const s of sockets) await call(s, "join", [room]);
      const args = ["x", { deep: [new Uint8Array([1, 2])] }, null, new Uint8Array(0), "\u001e"];
      await call(sockets[0], "cast", { to: [room] }, "news", ...args);
      await settle(sockets);
      equal(news, [[args], [args], [args]]);
    },
  },
  {
    name: "R06: rooms of the same name in two namespaces are two rooms",
    async run(t) {
      const room = t.name("room");
      const [a, b] = [await t.open("/"), await t.open("/static")];
      const news = [gather(a, "news"), gather(b, "news")];
      await call(a, "join", [room]);
      await call(b, "join", [room]);
      await t.control("cast", "/static", { to: [room] }, "news", 1);
      await settle([a, b]);
      equal(first(news), [[], [1]]);
    },
  },
  {
    name: "R06: broadcasts of one sender arrive in order, rooms and direct emits mixed",
    async run(t) {
      const { sockets, news } = await crowd(t, 2);
      const room = t.name("room");
      for (const s of sockets) await call(s, "join", [room]);
      for (let i = 0; i < 60; i += 3) {
        sockets[0].emit("cast", { to: [room] }, "news", i, () => {});
        sockets[0].emit("reply", {}, "news", i + 1);
        sockets[0].emit("cast", { to: [sockets[0].id] }, "news", i + 2, () => {});
      }
      await settle([sockets[0]]); // the sender's last event has been handled
      await settle(sockets);
      const all = Array.from({ length: 60 }, (_, i) => i);
      equal(first(news), [all, all.filter((i) => i % 3 === 0)]);
    },
  },
  {
    name: "R02: join, then a broadcast at once, reaches the new member",
    async run(t) {
      const { sockets: [s], news } = await crowd(t, 1);
      for (let i = 0; i < 20; i++) {
        const room = t.name("room");
        s.emit("join", [room], () => {});
        s.emit("cast", { to: [room] }, "news", i, () => {});
      }
      await until(() => news[0].length === 20, "20 broadcasts came");
      equal(first(news), [Array.from({ length: 20 }, (_, i) => i)]);
    },
  },
  {
    name: "R02 R05: a socket that left is in no room and gets nothing",
    async run(t) {
      const { sockets, news } = await crowd(t, 2);
      const room = t.name("room");
      for (const s of sockets) await call(s, "join", [room]);
      const id = sockets[0].id;
      sockets[0].disconnect();
      await t.gone(id);
      equal((await t.control("fetch", "/", { to: [room] })).map((m) => m.id), [sockets[1].id]);
      await t.control("cast", "/", { to: [room] }, "news", 1);
      await settle([sockets[1]]);
      equal(first(news), [[], [1]]);
    },
  },
  {
    name: "R11: fetchSockets: by room, union, except",
    async run(t) {
      const { sockets } = await crowd(t, 3);
      const ids = sockets.map((s) => s.id);
      const [a, b] = [t.name("a"), t.name("b")];
      await call(sockets[0], "join", [a, b]);
      await call(sockets[1], "join", [a]);
      await call(sockets[2], "join", [b]);
      const fetch = async (cast) => (await t.control("fetch", "/", cast)).map((m) => m.id);
      equal(await fetch({ to: [a] }), [ids[0], ids[1]].sort());
      equal(await fetch({ to: [a, b] }), [...ids].sort());
      equal(await fetch({ to: [a, b], except: [a] }), [ids[2]]);
      equal(await fetch({ to: [t.name("none")] }), []);
      const [one] = await t.control("fetch", "/", { to: [ids[0]] });
      equal(one.rooms, [ids[0], a, b].sort());
      const everyone = await fetch({});
      ok(ids.every((id) => everyone.includes(id)), "fetch of the namespace misses someone");
    },
  },
  {
    name: "R11: socketsJoin and socketsLeave",
    async run(t) {
      const { sockets, news } = await crowd(t, 3);
      const [a, b, c] = [t.name("a"), t.name("b"), t.name("c")];
      await call(sockets[0], "join", [a]);
      await call(sockets[1], "join", [a]);
      await t.control("sockets.join", "/", { to: [a] }, [b, c]);
      equal(await call(sockets[0], "rooms"), [sockets[0].id, a, b, c].sort());
      equal(await call(sockets[2], "rooms"), [sockets[2].id]);
      await t.control("sockets.leave", "/", { to: [a], except: [sockets[1].id] }, [b]);
      equal(await call(sockets[0], "rooms"), [sockets[0].id, a, c].sort());
      equal(await call(sockets[1], "rooms"), [sockets[1].id, a, b, c].sort());
      await t.control("cast", "/", { to: [b] }, "news", 1);
      await settle(sockets);
      equal(first(news), [[], [1], []]);
    },
  },
  {
    name: "R11 K12: disconnectSockets(false): DISCONNECT for the room's members only",
    async run(t) {
      const { sockets } = await crowd(t, 3);
      const room = t.name("room");
      const ends = sockets.map((s) => gather(s, "disconnect"));
      const ids = sockets.map((s) => s.id);
      for (const s of sockets.slice(0, 2)) await call(s, "join", [room]);
      await t.control("sockets.disconnect", "/", { to: [room] }, false);
      await until(() => ends[0].length && ends[1].length, "both were told");
      await settle([sockets[2]]);
      equal(ends.map((e) => e.map(([reason]) => reason)), [["io server disconnect"], ["io server disconnect"], []]);
      equal((await t.gone(ids[0])).reason, "server namespace disconnect");
    },
  },
  {
    name: "R11 K12: disconnectSockets(true) closes the connection with all its namespaces",
    async run(t) {
      const manager = t.manager();
      const [a, b] = [await t.open("/", { manager }), await t.open("/static", { manager })];
      const ids = [a.id, b.id];
      const ends = [gather(a, "disconnect"), gather(b, "disconnect")];
      const room = t.name("room");
      await call(a, "join", [room]);
      await t.control("sockets.disconnect", "/", { to: [room] }, true);
      await until(() => ends[0].length && ends[1].length, "both namespaces were told");
      equal(ends.map((e) => e.map(([reason]) => reason)), [["io server disconnect"], ["io server disconnect"]]);
      for (const id of ids) equal((await t.gone(id)).reason, "server namespace disconnect");
    },
  },
];
