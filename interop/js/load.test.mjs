// Completeness and order under load: every message once and in order, while clients upgrade.

import { after, before, describe, test } from "node:test";
import { call, equal, gather, numbered, ok, until } from "./lib/check.mjs";
import { ServerUnderTest } from "./lib/server.mjs";
import { modes } from "./lib/session.mjs";
import { inSession, timeout } from "./lib/suite.mjs";
import { broadcast, long, Talker } from "./lib/talker.mjs";

describe("load", () => {
  let server;
  // On a busy machine the upgrades of so many clients may take longer than the default allows.
  before(async () => (server = await ServerUnderTest.start(["--upgrade-timeout", "60000"])));
  after(() => server?.kill());

  const load = (name, mode, run) => test(`${name} [${mode}]`, { timeout: 2 * timeout }, () => inSession(server, mode, run));

  load("fault 80: 100 clients upgrade amid 300 numbered messages each and 300 broadcasts: 30,000 of 30,000 both ways, 30,000 broadcasts", "upgrade", async (t) => {
    const nsp = `/dyn/${t.name("crowd")}`;
    const crowd = numbered(100).map((i) => new Talker(t, nsp, 20 + i));
    await Promise.all(crowd.map((c) => c.connected()));
    let upgrades = 0;
    const talks = crowd.map((c) => c.talk(300, () => upgrades++));
    await Promise.all([...talks, broadcast(t, nsp, 300, () => upgrades === crowd.length)]);
    await Promise.all(crowd.map((c) => c.heard(300)));
  });

  load("fault 81: 60 clients upgrade while 1,200 broadcasts run: 48,000 echoes, every broadcast from the connect on", "upgrade", async (t) => {
    const total = 1200;
    const nsp = `/dyn/${t.name("crowd")}`;
    const first = await t.open(nsp);
    const news = gather(first, "news");
    let cast = 0;
    let upgrades = 0;
    const crowd = numbered(60).map((i) => new Talker(t, nsp, 40 + 4 * i));
    const talks = crowd.map(async (c) => {
      await c.connected();
      await c.talk(800, () => upgrades++);
    });
    for (const c of crowd) c.socket.once("connect", () => (c.castAtConnect = cast));
    await Promise.all([...talks, broadcast(t, nsp, total, () => upgrades === crowd.length, (n) => (cast = n))]);
    for (const [i, c] of crowd.entries()) {
      await until(() => c.news.length, `client ${i} got a broadcast`, long);
      const start = c.news[0];
      ok(start <= c.castAtConnect, `client ${i} connected at broadcast ${c.castAtConnect} but its first was ${start}`);
      await c.heard(total, start);
    }
    await until(() => news.length >= total, "the last broadcast reached the client that was there all the time", long);
    equal(news.map(([i]) => i), numbered(total), "broadcasts of the client that was there all the time");
  });

  for (const mode of modes) {
    load("fault 84: four senders, 20 receivers: all of each sender, in its order", mode, async (t) => {
      const room = t.name("room");
      const sockets = await Promise.all(numbered(20).map(() => t.open()));
      const news = sockets.map((s) => gather(s, "news"));
      await Promise.all(sockets.map((s) => call(s, "join", [room])));
      const n = 200;
      for (const i of numbered(n)) {
        for (const sender of numbered(4)) sockets[sender].emit("cast", { from: "server", to: [room] }, "news", sender, i, new Uint8Array(i % 3), () => {});
      }
      await until(() => news.every((l) => l.length >= 4 * n), "everything came", long);
      for (const list of news) {
        for (const sender of numbered(4)) equal(list.filter(([s]) => s === sender).map(([, i]) => i), numbered(n));
      }
    });
  }

  test("L17: nothing is left at the server after all that", { timeout }, () =>
    inSession(server, "websocket", async (t) => {
      await until(async () => (await t.control("stats")).clients === 1, "only the control connection is left");
    }),
  );
});
