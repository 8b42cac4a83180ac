// Ends, by either side, with the reason that each side sees.

import { call, equal, gather, next, ok, oneOf, until } from "../lib/check.mjs";

const bin = (n) => Array.from({ length: n }, (_, i) => new Uint8Array([i]));

/** ends opens a socket, does something that ends it, and is both sides' account. */
async function ends(t, act, opts) {
  const s = await t.open("/", opts);
  const { id } = s;
  const ended = next(s, "disconnect");
  await act(s);
  const [client, details] = await ended;
  return { s, id, client, details, server: await t.gone(id) };
}

export default [
  {
    name: "K11: client disconnects",
    async run(t) {
      const { client, server, s } = await ends(t, (s) => s.disconnect());
      equal([client, server.reason, server.times], ["io client disconnect", "client namespace disconnect", 1]);
      ok(!s.active, "tries to come back after its own disconnect");
    },
  },
  {
    name: "K11 K12: server disconnects the socket, disconnect(false)",
    async run(t) {
      const { client, server, s } = await ends(t, (s) => s.emit("disconnect.me", false));
      equal([client, server.reason, server.times], ["io server disconnect", "server namespace disconnect", 1]);
      ok(!s.active, "comes back after a DISCONNECT packet");
    },
  },
  {
    name: "K12 C05: disconnect(false) keeps the connection for other namespaces",
    async run(t) {
      const manager = t.manager();
      const other = await t.open("/static", { manager });
      const s = await t.open("/", { manager });
      const ended = next(s, "disconnect");
      s.emit("disconnect.me", false);
      equal((await ended)[0], "io server disconnect");
      equal(await call(other, "echo", 1), 1);
    },
  },
  {
    name: "K11 K12 C05: server disconnects the connection, disconnect(true): all namespaces end",
    async run(t) {
      const manager = t.manager();
      const other = await t.open("/static", { manager });
      const s = await t.open("/", { manager });
      const ids = [s.id, other.id];
      const both = [gather(s, "disconnect"), gather(other, "disconnect")];
      s.emit("disconnect.me", true);
      await until(() => both.every((b) => b.length), "both namespaces were told");
      equal(both.map(([[reason]]) => reason), ["io server disconnect", "io server disconnect"]);
      for (const id of ids) equal((await t.gone(id)).reason, "server namespace disconnect");
    },
  },
  {
    name: "K12: ended by the server from outside its handlers",
    async run(t) {
      const { client, server } = await ends(t, async (s) => equal(await t.control("end", "/", s.id, false), true));
      equal([client, server.reason], ["io server disconnect", "server namespace disconnect"]);
      equal(await t.control("end", "/", "AAAAAAAAAAAAAAAAAAAA", false), false, "an id that nobody has");
    },
  },
  {
    name: "K11 L12: client closes its transport without a DISCONNECT",
    async run(t) {
      const { client, server } = await ends(t, (s) => s.io.engine.close());
      equal([client, server.reason, server.times], ["forced close", "transport close", 1]);
    },
  },
  ...[
    // The client writes a type that it does not know as "undefined": a packet of type u.
    { row: "K11 L13 L03", what: "a ping of the client", send: (s) => s.io.engine.transport.send([{ type: "ping" }]), reasons: ["transport error"] },
    { row: "K11 L13 H34", what: "a packet of no known type", send: (s) => s.io.engine.transport.send([{ type: "none" }]), reasons: ["parse error"] },
    { row: "K11 L13 S07", what: "a Socket.IO packet of no known type", send: (s) => s.io.engine.send("9"), reasons: ["forced close"] },
    { row: "K11 L13 C03", what: "a second CONNECT", send: (s) => s.io.engine.send("0"), reasons: ["forced server close"], reference: ["forced close", "forced server close"] },
  ].map(({ row, what, send, reasons, reference = reasons }) => ({
    name: `${row}: ${what} ends the connection: ${reasons[0]}`,
    async run(t) {
      const { client, server, s } = await ends(t, async (s) => {
        await until(() => s.io.engine.transport.writable, "no POST is under way");
        send(s);
      });
      oneOf(client, ["transport close", "transport error"], "client's reason");
      oneOf(server.reason, t.by({ reference, sio: reasons }), "server's reason");
      equal(server.times, 1);
      ok(s.active, "does not want to come back");
    },
  })),
  {
    name: "R05: rooms are still listed while disconnecting",
    async run(t) {
      const room = t.name("room");
      const { id, server } = await ends(t, async (s) => {
        await call(s, "join", [room]);
        s.disconnect();
      });
      equal(server.rooms, [id, room].sort());
      equal(await t.control("fetch", "/", { to: [room] }), [], "after the end");
    },
  },
  {
    name: "K11 S03: 11 attachments from the client: connection closed, error on the server's sockets",
    async run(t) {
      const { client, server } = await ends(t, (s) => s.emit("echo", ...bin(11)));
      oneOf(client, ["transport close", "transport error"], "client's reason");
      equal([server.reason, server.errors], ["forced close", 1]);
    },
  },
  {
    name: "S03: 10 attachments in an ack, both ways",
    async run(t) {
      const s = await t.open();
      const answer = await new Promise((resolve) => s.emit("echo", ...bin(10), (...args) => resolve(args)));
      equal(answer, bin(10));
    },
  },
  {
    name: "K11 S03: 11 attachments from the server: the client's parse error, and it comes back",
    async run(t) {
      const { client, server, s } = await ends(t, (s) => s.emit("give", "eleven"), { reconnection: true });
      equal(client, "parse error");
      equal(server.reason, "transport close");
      await t.connected(s);
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "K09 C03: an event behind the end of its socket is not handled",
    async run(t) {
      const { id, server } = await ends(t, (s) => {
        s.onAny((event) => ok(event !== "echo", "the late event was handled"));
        s.emit("disconnect.me", false);
        s.emit("echo", "too late");
      });
      equal([server.reason, server.times], ["server namespace disconnect", 1]);
      equal(await t.control("fetch", "/", { to: [id] }), []);
    },
  },
  {
    name: "K11: connect and disconnect twenty times: each end is recorded once",
    async run(t) {
      const s = await t.open();
      const ids = [];
      for (let i = 0; i < 20; i++) {
        ids.push(s.id);
        s.disconnect().connect();
        await t.connected(s);
      }
      equal(new Set(ids).size, 20, "ids");
      for (const id of ids) {
        const { reason, times } = await t.gone(id);
        equal([reason, times], ["client namespace disconnect", 1]);
      }
    },
  },
];
