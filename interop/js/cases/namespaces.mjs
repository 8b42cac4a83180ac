// Namespaces: static and dynamic, multiplexing, middleware.

import { call, equal, gather, next, ok, until } from "../lib/check.mjs";

/** refusal is the next connect_error as {message, data}. */
async function refusal(socket) {
  const [err] = await next(socket, "connect_error");
  return { message: err.message, data: err.data };
}

export default [
  {
    name: "C01 C05 C11: a static namespace: its own id, its own events",
    async run(t) {
      const manager = t.manager();
      const [main, stat] = [await t.open("/", { manager }), await t.open("/static", { manager })];
      ok(main.id !== stat.id, "one id for two namespaces");
      equal((await call(stat, "about")).nsp, "/static");
      const heard = [gather(main, "echo"), gather(stat, "echo")];
      main.emit("echo", "main");
      stat.emit("echo", "static");
      await Promise.all([call(main, "echo", 0), call(stat, "echo", 0)]);
      equal(heard, [[["main"]], [["static"]]]);
    },
  },
  {
    name: "C05: five namespaces on one connection",
    async run(t) {
      const manager = t.manager();
      const names = ["/", "/static", "/chain", `/dyn/${t.name("a")}`, `/dyn/${t.name("b")}`];
      const sockets = await Promise.all(names.map((n) => t.open(n, { manager })));
      equal(new Set(sockets.map((s) => s.io.engine)).size, 1, "engines");
      equal(await Promise.all(sockets.map(async (s) => (await call(s, "about")).nsp)), names);
      equal(await Promise.all(sockets.map((s, i) => call(s, "echo", new Uint8Array([i])))), names.map((_, i) => new Uint8Array([i])));
    },
  },
  {
    name: "C05 K11: leaving one namespace keeps the others and the connection",
    async run(t) {
      const manager = t.manager();
      const [main, stat] = [await t.open("/", { manager }), await t.open("/static", { manager })];
      const { id } = main;
      const ended = next(main, "disconnect");
      main.disconnect();
      equal((await ended)[0], "io client disconnect");
      equal(await call(stat, "echo", 1), 1);
      const record = await t.gone(id);
      equal([record.reason, record.rooms, record.times], ["client namespace disconnect", [id], 1]);
      main.connect();
      await t.connected(main);
      ok(main.id !== id, "the old id came again");
      equal(await call(main, "echo", 2), 2);
    },
  },
  {
    name: "C05: the same namespace twice needs two connections",
    async run(t) {
      const opts = { transports: t.manager().opts.transports, reconnection: false, forceNew: false };
      const a = t.client.io(t.url, opts);
      const b = t.client.io(t.url, opts);
      try {
        await t.connected(a);
        await t.connected(b);
        ok(a.io !== b.io, "one manager for the same namespace twice");
        ok(a.id !== b.id, "one id for two sockets");
        equal(await Promise.all([call(a, "echo", 1), call(b, "echo", 2)]), [1, 2]);
      } finally {
        a.disconnect();
        b.disconnect();
      }
    },
  },
  {
    name: "C02: unknown namespace: Invalid namespace, the connection lives on",
    async run(t) {
      const manager = t.manager();
      const main = await t.open("/", { manager });
      const lost = t.dial(`/${t.name("nowhere")}`, { manager });
      equal(await refusal(lost), { message: "Invalid namespace", data: undefined });
      ok(!lost.active, "a refused socket goes on trying");
      equal(await call(main, "echo", 1), 1);
    },
  },
  {
    name: "C02: names that are nearly right are unknown",
    async run(t) {
      const manager = t.manager();
      await t.open("/", { manager });
      for (const name of ["/Static", "/static/", "/static2", "/dyn", "/dyn/", "/dyn/a/b", "/fn"]) {
        equal((await refusal(t.dial(name, { manager }))).message, "Invalid namespace", name);
      }
    },
  },
  {
    name: "C08: dynamic namespace by pattern, children are separate",
    async run(t) {
      const [one, two] = [`/dyn/${t.name("1")}`, `/dyn/${t.name("2")}`];
      const [a, b, c] = [await t.open(one), await t.open(one), await t.open(two)];
      const news = [a, b, c].map((s) => gather(s, "news"));
      await call(a, "cast", {}, "news", 1);
      await Promise.all([a, b, c].map((s) => call(s, "echo", 0)));
      equal(news, [[[1]], [[1]], []]);
      equal((await t.control("fetch", one, {})).map((m) => m.id), [a.id, b.id].sort());
    },
  },
  {
    name: "C08: what the parent emits reaches all children",
    async run(t) {
      const [a, b] = [await t.open(`/dyn/${t.name("1")}`), await t.open(`/dyn/${t.name("2")}`)];
      const main = await t.open("/");
      const news = t.name("news");
      const heard = [a, b, main].map((s) => gather(s, news));
      await t.control("dyn.emit", news, 1, new Uint8Array([2]));
      await Promise.all([a, b, main].map((s) => call(s, "echo", 0)));
      equal(heard, [[[1, new Uint8Array([2])]], [[1, new Uint8Array([2])]], []]);
    },
  },
  {
    name: "C08: dynamic namespace by function, which sees name and auth",
    async run(t) {
      const name = `/fn/${t.name("f")}`;
      equal((await refusal(t.dial(name))).message, "Invalid namespace", "without auth");
      equal((await refusal(t.dial(name, { auth: { allow: "yes" } }))).message, "Invalid namespace", "wrong auth");
      const s = await t.open(name, { auth: { allow: true, tag: "in" } });
      const about = await call(s, "about");
      equal([about.nsp, about.tag], [name, "in"]);
    },
  },
  {
    name: "C08: twenty clients race for a new child: one child",
    crowd: true,
    async run(t) {
      const name = `/dyn/${t.name("race")}`;
      const all = await Promise.all(Array.from({ length: 20 }, () => t.open(name)));
      equal((await t.control("fetch", name, {})).length, 20);
      const news = all.map((s) => gather(s, "news"));
      await call(all[0], "cast", {}, "news", 1);
      await Promise.all(all.map((s) => call(s, "echo", 0)));
      equal(news, all.map(() => [[1]]));
    },
  },
  {
    name: "C13 C02: middleware error with data",
    async run(t) {
      const s = t.dial("/auth", { auth: { token: "bad" } });
      equal(await refusal(s), { message: "unauthorized", data: { code: 401, seen: "bad", hints: ["ask", { again: true }] } });
      ok(!s.active && !s.connected, "a refused socket goes on trying");
    },
  },
  {
    name: "C13: middleware error without data, then let in with the right token on the same connection",
    async run(t) {
      const manager = t.manager();
      await t.open("/", { manager });
      const s = t.dial("/auth", { manager });
      equal(await refusal(s), { message: "no token", data: undefined });
      s.auth = { token: "good" };
      s.connect();
      await t.connected(s);
      equal(await call(s, "echo", 1), 1);
      equal(await call(s, "rooms"), [s.id]);
    },
  },
  {
    name: "C13: middlewares run in order, before the socket counts as connected",
    async run(t) {
      const s = await t.open("/chain");
      equal((await call(s, "about")).trail, ["one:false", "two:false"]);
    },
  },
  {
    name: "C13: the first error stops the chain",
    async run(t) {
      equal(await refusal(t.dial("/chain", { auth: { stop: "one" } })), { message: "stopped", data: { trail: ["one:false"] } });
      equal(await refusal(t.dial("/chain", { auth: { stop: "two" } })), { message: "stopped", data: { trail: ["one:false", "two:false"] } });
    },
  },
  {
    name: "C13 R02: middleware that joins rooms",
    async run(t) {
      const s = await t.open("/enter");
      equal(await call(s, "rooms"), [s.id, "enter:a", "enter:b"].sort());
      const news = gather(s, "news");
      await t.control("cast", "/enter", { to: ["enter:a"] }, "news", 1);
      await until(() => news.length === 1, "the room's news came");
    },
  },
  {
    name: "C13 R02: rooms joined by a middleware are left when it refuses",
    async run(t) {
      const inside = await t.open("/enter");
      const refused = t.dial("/enter", { auth: { fail: true } });
      equal(await refusal(refused), { message: "not this time", data: undefined });
      const members = await t.control("fetch", "/enter", { to: ["enter:b"] });
      ok(members.some((m) => m.id === inside.id), "the member is missing");
      const { values } = await t.control("cast.ask", "/enter", { to: ["enter:b"], except: [inside.id] }, 1000, "anyone");
      equal(values, []);
    },
  },
  {
    name: "C01: events sent before the namespace's answer are held back, then delivered in order",
    async run(t) {
      const s = t.dial("/chain");
      const got = gather(s, "echo");
      for (let i = 0; i < 10; i++) s.emit("echo", i);
      await t.connected(s);
      await until(() => got.length === 10, "10 echoes came");
      equal(got.map(([i]) => i), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    },
  },
];
