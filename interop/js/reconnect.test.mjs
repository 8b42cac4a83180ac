// Coming back: the cases that pages share, and a storm of clients.

import { describe, test } from "node:test";
import * as client from "socket.io-client";
import reconnect from "./cases/reconnect.mjs";
import { call, equal, gather, numbered, until } from "./lib/check.mjs";
import { ServerUnderTest } from "./lib/server.mjs";
import { modes, Session } from "./lib/session.mjs";
import { own, target, timeout } from "./lib/suite.mjs";

const comesBack = { reconnection: true };

own("reconnect", reconnect);

describe("reconnect storm", () => {
  test("fault 63: reconnect storm: 50 clients of all modes come back and work", { timeout }, async () => {
    // On a busy machine the upgrades of so many clients may take longer than the default allows.
    const server = await ServerUnderTest.start(["--upgrade-timeout", "60000"]);
    const sessions = modes.map((mode) => new Session({ client, url: server.url, mode, target }));
    try {
      const opened = sessions.flatMap((t, i) => numbered(i === 0 ? 16 : 17).map(() => t.open("/", comesBack)));
      const sockets = await Promise.all(opened);
      const ids = sockets.map((s) => s.id);
      const news = sockets.map((s) => gather(s, "news"));
      sockets.forEach((s) => s.on("connect", () => s.emit("join", ["storm"], () => {})));
      await server.kill();
      await server.restart();
      await until(() => sockets.every((s, i) => s.connected && s.id !== ids[i]), "all 50 are back");
      await Promise.all(sessions.flatMap((t) => sockets.filter((s) => t.owns(s)).map((s) => t.settled(s))));
      equal(await Promise.all(sockets.map((s, i) => call(s, "echo", i))), numbered(50));
      await sessions[1].control("cast", "/", { to: ["storm"] }, "news", "after the storm");
      await until(() => news.every((n) => n.length === 1), "the broadcast reached all 50");
    } finally {
      sessions.forEach((t) => t.close());
      await server.kill();
    }
  });
});
