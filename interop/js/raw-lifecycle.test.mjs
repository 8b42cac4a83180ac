// What the end of the server looks like on the wire: row L14, O05.

import { describe, test } from "node:test";
import { equal, oneOf, rejects } from "./lib/check.mjs";
import { alive, http, Poller, Wire } from "./lib/raw.mjs";
import { ServerUnderTest } from "./lib/server.mjs";
import { timeout } from "./lib/suite.mjs";

describe("raw lifecycle", () => {
  test("L14 O05: graceful stop: no DISCONNECT, pending GET closed, websocket closed, exit 0", { timeout }, async () => {
    const server = await ServerUnderTest.start();
    try {
      const poller = await Poller.join(server);
      const idle = await Poller.join(server); // between two polls: must not hold the server up
      const get = await poller.held();
      const w = await Wire.join(server);
      const stopped = server.stop();
      equal((await get.answer).text, "1", "the pending GET");
      oneOf(await w.end(), [1000, 1001, 1005], "the websocket's close code");
      equal(await stopped, { code: 0, signal: null });
      equal(
        server.ends().map((d) => [d.id, d.reason]).sort(),
        [idle.id, poller.id, w.id].map((id) => [id, "server shutting down"]).sort(),
      );
      equal((await rejects(http(server))).code, "ECONNREFUSED");
    } finally {
      await server.kill();
    }
  });

  test("L14: graceful stop drops what waits for a poll, and probing websockets", { timeout }, async () => {
    const server = await ServerUnderTest.start();
    try {
      const poller = await Poller.join(server);
      await poller.say('42["reply",{},"waits",1]');
      const probing = await Wire.open(server, { sid: poller.sid });
      probing.send("2probe");
      await probing.expect("3probe");
      equal(await server.stop(), { code: 0, signal: null });
      await probing.end();
    } finally {
      await server.kill();
    }
  });

  test("L14 C13: a middleware that never answers does not hold up the stop", { timeout }, async () => {
    const server = await ServerUnderTest.start();
    try {
      const poller = await Poller.open(server);
      await poller.say("40/never,");
      const w = await Wire.start(server);
      w.send("40/never,");
      await alive(await Wire.join(server)); // the others were read before
      equal(await server.stop(), { code: 0, signal: null });
    } finally {
      await server.kill();
    }
  });

  test("O06: started again on its port it knows nothing of the old sessions", { timeout }, async () => {
    const server = await ServerUnderTest.start();
    try {
      const poller = await Poller.join(server);
      await server.stop();
      await server.restart();
      const res = await poller.get();
      equal([res.status, res.json], [400, { code: 1, message: "Session ID unknown" }]);
      await Poller.join(server);
    } finally {
      await server.kill();
    }
  });
});
