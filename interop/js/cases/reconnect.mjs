// Coming back after a graceful stop and after a kill. Each case has a server of its own, t.server.

import { call, equal, gather, next, numbered, ok, oneOf, rejects, until } from "../lib/check.mjs";

const comesBack = { reconnection: true };

/** back waits until the socket is connected again and on its final transport. */
async function back(t, socket) {
  await until(() => socket.connected, "the client is back");
  await t.settled(socket);
}

export default [
  {
    name: "K11 O05 L14: graceful stop: server shutting down, no DISCONNECT, the client comes back",
    async run(t) {
      const manager = t.manager(comesBack);
      const [main, stat] = [await t.open("/", { manager }), await t.open("/static", { manager })];
      const ids = [main.id, stat.id];
      const packets = gather(manager, "packet");
      const ends = [next(main, "disconnect"), next(stat, "disconnect")];
      const { code, signal } = await t.server.stop();
      equal({ code, signal }, { code: 0, signal: null }, "the server's exit");
      for (const end of ends) oneOf((await end)[0], t.mode === "polling" ? ["transport close", "transport error"] : ["transport close"], "client's reason");
      equal(packets.filter(([p]) => p.type === 1), [], "DISCONNECT packets");
      const told = await t.server.ends();
      equal(
        told.filter((d) => ids.includes(d.id)).sort((a, b) => (a.nsp < b.nsp ? -1 : 1)),
        ["/", "/static"].map((nsp, i) => ({ id: ids[i], nsp, reason: "server shutting down" })),
      );
      await t.server.restart();
      await back(t, main);
      await back(t, stat);
      equal([await call(main, "echo", 1), await call(stat, "echo", 2)], [1, 2]);
      ok(main.id !== ids[0], "an id of the old server");
    },
  },
  {
    name: "O06 K11: kill: the client notices, comes back after the restart, in no room",
    async run(t) {
      let connects = 0;
      const s = await t.open("/", { ...comesBack, auth: (done) => done({ tag: `connect ${++connects}` }) });
      const room = t.name("room");
      await call(s, "join", [room]);
      const events = ["reconnect_attempt", "reconnect_error", "reconnect"].map((e) => gather(s.io, e));
      const ended = next(s, "disconnect");
      await t.server.kill();
      oneOf((await ended)[0], ["transport close", "transport error"]);
      await until(() => events[1].length >= 2, "two attempts failed");
      await t.server.restart();
      await back(t, s);
      ok(events[0].length > events[1].length && events[2].length === 1, "reconnect events of the manager");
      equal(await call(s, "rooms"), [s.id]);
      equal((await call(s, "about")).tag, "connect 2", "auth function ran again");
    },
  },
  {
    name: "C1: what is emitted offline is kept and sent in order; volatile is not",
    async run(t) {
      const s = await t.open("/", comesBack);
      const echoes = gather(s, "echo");
      const failed = next(s.io, "reconnect_error");
      await t.server.kill();
      await failed; // until an attempt failed the client may take its dead WebSocket for writable
      const answers = [];
      for (const i of numbered(50)) {
        if (i % 5 === 0) s.emit("echo", i, new Uint8Array([i]), () => answers.push(i));
        else s.emit("echo", i);
        s.volatile.emit("echo", "volatile");
      }
      await t.server.restart();
      await back(t, s);
      await until(() => echoes.length + answers.length >= 50, "50 answers came");
      equal(await call(s, "echo", "end"), "end");
      equal(echoes.map(([i]) => i), numbered(50).filter((i) => i % 5));
      equal(answers, numbered(50).filter((i) => i % 5 === 0));
    },
  },
  {
    name: "K04 C1: acks in flight fail at the end of the connection, those of buffered events do not",
    async run(t) {
      const s = await t.open("/", comesBack);
      const inFlight = rejects(s.timeout(60_000).emitWithAck("ack.never"));
      equal(await call(s, "echo", 1), 1);
      await t.server.kill();
      equal((await inFlight).message, "socket has been disconnected");
      const buffered = call(s, "echo", "later");
      await t.server.restart();
      equal(await buffered, "later");
    },
  },
  {
    name: "C1: retries carry events over a restart, in order, at least once",
    async run(t) {
      const s = await t.open("/", { ...comesBack, ask: false, retries: 100, ackTimeout: 300 });
      const answers = [];
      const send = (i) => s.emit("echo", i, (err, v) => answers.push(err ?? v));
      numbered(10).forEach(send);
      await until(() => answers.length >= 3, "the first answers");
      await t.server.kill();
      numbered(10).forEach((i) => send(10 + i));
      await t.server.restart();
      await until(() => answers.length === 20, "all 20 answers");
      equal(answers, numbered(20));
    },
  },
  {
    name: "C1: a restart of the server between two polls or frames is not seen as the old session",
    async run(t) {
      const s = await t.open("/", comesBack);
      const sid = s.io.engine.id;
      const ended = next(s, "disconnect");
      await t.server.kill();
      await t.server.restart();
      await ended;
      await back(t, s);
      ok(s.io.engine.id !== sid, "the old session id came again");
      equal(await call(s, "echo", 1), 1);
    },
  },
];
