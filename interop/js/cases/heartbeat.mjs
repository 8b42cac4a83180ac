// Heartbeats, and what happens when one side falls silent. Each case has a server of its own, t.server.

import { call, equal, gather, next, until } from "../lib/check.mjs";

const impatient = ["--ping-interval", "1000", "--ping-timeout", "1500"];

export default [
  {
    name: "L01 L04: the client answers pings and stays",
    flags: ["--ping-interval", "1000"],
    async run(t) {
      const s = await t.open();
      const ends = gather(s, "disconnect");
      const pings = gather(s.io, "ping");
      await until(() => pings.length >= 3, "three pings");
      equal(await call(s, "echo", 1), 1);
      equal(ends, []);
    },
  },
  {
    name: "K11 L13 L01: a client that answers no ping: ping timeout at the server, and the client comes back",
    flags: impatient,
    async run(t) {
      const s = await t.open("/", { reconnection: true });
      const { id } = s;
      const { transport } = s.io.engine;
      const send = transport.send;
      transport.send = (packets) => {
        const rest = packets.filter((p) => p.type !== "pong");
        if (rest.length) send.call(transport, rest);
      };
      const ended = next(s, "disconnect");
      const { reason, rooms, times } = await t.gone(id);
      equal([reason, rooms, times], ["ping timeout", [id], 1]);
      await ended; // its reason depends on which request of the client the end meets
      await until(() => s.connected, "the client is back");
      await t.settled(s);
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "K11 C1: a frozen server: ping timeout at the client, which comes back once it thaws",
    flags: impatient,
    async run(t) {
      const s = await t.open("/", { reconnection: true });
      const ended = next(s, "disconnect");
      await t.server.freeze();
      equal((await ended)[0], "ping timeout");
      await t.server.thaw();
      await until(() => s.connected, "the client is back");
      await t.settled(s);
      equal(await call(s, "echo", 1), 1);
    },
  },
];
