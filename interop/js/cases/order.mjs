// Order and completeness of numbered traffic. The heavy cases are in load.test.mjs.

import { call, equal, gather, numbered, until } from "../lib/check.mjs";

const n = 1000;
const firsts = (list) => list.map(([i]) => i);

export default [
  {
    name: "K09: 1,000 numbered messages client->server and back, in order",
    async run(t) {
      const s = await t.open();
      const back = gather(s, "echo");
      for (const i of numbered(n)) s.emit("echo", i);
      await until(() => back.length >= n, `${n} echoes came`);
      equal(firsts(back), numbered(n));
    },
  },
  {
    name: "K09 H32: 1,000 numbered messages of the server in one go, in order",
    async run(t) {
      const s = await t.open();
      const got = gather(s, "tick");
      await call(s, "burst", n, "tick", {});
      await until(() => got.length >= n, `${n} ticks came`);
      equal(firsts(got), numbered(n));
    },
  },
  {
    name: "L05 K09: 1,000 numbered messages from the first moment on, across the upgrade",
    async run(t) {
      const s = t.dial();
      const back = gather(s, "echo");
      const ticks = gather(s, "tick");
      await t.connected(s);
      s.emit("burst", n, "tick", {}, () => {});
      for (const i of numbered(n)) {
        s.emit("echo", i);
        if (i % 50 === 0) await call(s, "rooms"); // spreads them over several turns
      }
      await until(() => back.length >= n && ticks.length >= n, `${n} echoes and ticks came`);
      await t.settled(s);
      equal(await call(s, "echo", "end"), "end");
      equal([firsts(back), firsts(ticks)], [numbered(n), numbered(n)]);
    },
  },
  {
    name: "C1 H26: 200 messages of 20 kB: the client cuts its POSTs below maxPayload",
    async run(t) {
      const s = await t.open();
      const back = gather(s, "echo");
      const pad = "p".repeat(20_000);
      for (const i of numbered(200)) s.emit("echo", i, pad);
      await until(() => back.length >= 200, "200 echoes came");
      equal(firsts(back), numbered(200));
    },
  },
];
