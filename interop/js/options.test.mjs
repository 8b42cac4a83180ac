// Servers with other options than the defaults, as the official client sees them.

import { call, equal, gather, next, numbered, oneOf, until } from "./lib/check.mjs";
import { suite } from "./lib/suite.mjs";

suite(
  "max payload",
  [
    {
      name: "T04 H26 K11: a message over maxPayload: the connection ends, the client comes back",
      async run(t) {
        const s = await t.open("/", { reconnection: true });
        const { id } = s;
        const ended = next(s, "disconnect");
        s.emit("echo", "x".repeat(20_000));
        const [reason, details] = await ended;
        const { reason: seen } = await t.gone(id);
        if (t.mode === "polling") {
          equal([reason, details.description, seen], ["transport error", 413, "transport close"]);
        } else {
          equal([reason, details.context.code, seen], ["transport close", 1009, "transport error"]);
        }
        await until(() => s.connected, "the client is back");
        equal(await call(s, "echo", 1), 1);
      },
    },
    {
      name: "T04 H26: a binary attachment over maxPayload",
      async run(t) {
        const s = await t.open();
        const { id } = s;
        const ended = next(s, "disconnect");
        s.emit("echo", new Uint8Array(20_000));
        oneOf((await ended)[0], ["transport error", "transport close"]);
        equal((await t.gone(id)).reason, t.mode === "polling" ? "transport close" : "transport error");
      },
    },
    {
      name: "C1 H26: many messages that are too much together but not alone",
      async run(t) {
        const s = await t.open();
        const back = gather(s, "echo");
        for (const i of numbered(40)) s.emit("echo", i, "é".repeat(2000));
        await until(() => back.length === 40, "40 echoes came");
        equal(back.map(([i]) => i), numbered(40));
      },
    },
    {
      name: "H32: maxPayload does not bound what the server sends",
      async run(t) {
        const s = await t.open();
        const given = next(s, "given");
        s.emit("give", "large");
        equal((await given)[0].length, 2_000_000);
      },
    },
  ],
  { flags: ["--max-payload", "10000"] },
);

suite(
  "connect timeout",
  [
    {
      name: "C04: a connection that joins no namespace is closed",
      async run(t) {
        const manager = t.manager();
        const closed = next(manager, "close");
        manager.open();
        equal((await closed)[0], "transport close");
      },
    },
    {
      name: "C04 fault 71: a middleware that never answers: closed as well",
      async run(t) {
        const s = t.dial("/never");
        const connects = gather(s, "connect");
        await next(s.io, "close");
        equal(connects, []);
      },
    },
    {
      name: "C04: a connection that joined one stays",
      async run(t) {
        const s = await t.open();
        const ends = gather(s, "disconnect");
        const manager = t.manager();
        const closed = next(manager, "close");
        manager.open();
        await closed; // a later one had its whole time
        equal(await call(s, "echo", 1), 1);
        equal(ends, []);
      },
    },
  ],
  { flags: ["--connect-timeout", "1000"], concurrency: 4 },
);

suite(
  "websocket only",
  [
    {
      name: "H10: polling is refused with code 0, websocket works",
      async run(t) {
        if (t.mode === "websocket") return equal(await call(await t.open(), "echo", 1), 1);
        const [err] = await next(t.dial(), "connect_error");
        equal([err.message, err.description], ["xhr poll error", 400]);
        const s = t.dial("/", { transports: ["polling", "websocket"], tryAllTransports: true });
        await t.connected(s);
        equal(s.io.engine.transport.name, "websocket");
      },
    },
  ],
  { flags: ["--transports", "websocket"] },
);

const staysOnPolling = [
  {
    name: "H05: the client stays on polling when the server offers no upgrade",
    async run(t) {
      const s = t.dial();
      await t.connected(s);
      for (const i of numbered(20)) equal(await call(s, "echo", i), i);
      equal(s.io.engine.transport.name, "polling");
    },
  },
];
suite("polling only", staysOnPolling, { flags: ["--transports", "polling"], only: ["polling", "upgrade"] });
suite("no upgrades", staysOnPolling, { flags: ["--no-upgrades"], only: ["polling", "upgrade"] });
suite("no upgrades", [{ name: "H05: a direct websocket is not an upgrade", run: async (t) => equal(await call(await t.open(), "echo", 1), 1) }], {
  flags: ["--no-upgrades"],
  only: ["websocket"],
});
