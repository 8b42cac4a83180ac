// Connecting: handshake data, query, headers, auth, refusals that the client sees.

import { call, canonical, equal, match, next, ok, oneOf, rejects } from "../lib/check.mjs";

/** refusal is the next connect_error with the answer's body, which the client wipes once its listeners ran. */
async function refusal(socket) {
  let body;
  socket.once("connect_error", (err) => (body = err.context?.responseText));
  const [err] = await next(socket, "connect_error");
  return { message: err.message, type: err.type, status: err.description, body: body && JSON.parse(body), err };
}

/** refusedBy checks what the client's transport makes of an answer to its first request. */
function refusedBy(seen, transport, status, body) {
  equal(seen.type, "TransportError");
  if (transport === "polling") {
    equal([seen.message, seen.status, seen.body], ["xhr poll error", status, body]);
    return;
  }
  equal(seen.message, "websocket error");
  // A page is not told more; Node's client tells the status, which is 400 for every code.
  if (seen.status?.message) match(seen.status.message, /400/, "status that the client saw");
}

export default [
  {
    name: "C01 H04 L05: connects, socket id of 20 characters, secret sid differs",
    async run(t) {
      const s = await t.open();
      match(s.id, /^[A-Za-z0-9_-]{20}$/, "socket id");
      match(s.io.engine.id, /^[A-Za-z0-9_-]{20}$/, "engine id");
      ok(s.id !== s.io.engine.id, "the public id must not be the secret one");
      equal(s.recovered, undefined, "recovered without a pid");
      equal(await call(s, "about"), {
        id: s.id,
        nsp: "/",
        transport: t.mode === "polling" ? "polling" : "websocket",
        protocol: 4,
        connected: true,
        recovered: false,
        tag: null,
        trail: [],
      });
    },
  },
  {
    name: "H05 L05: upgrade happens when both transports are offered, and only then",
    async run(t) {
      const s = t.dial();
      const engine = s.io.engine;
      const first = engine.transport.name;
      const upgrades = [];
      engine.on("upgrade", (transport) => upgrades.push(transport.name));
      await t.connected(s);
      await t.settled(s);
      equal(first, t.mode === "websocket" ? "websocket" : "polling", "first transport");
      equal(upgrades, t.mode === "upgrade" ? ["websocket"] : [], "upgrades");
    },
  },
  {
    name: "H05: upgrade:false keeps the client on polling",
    modes: ["upgrade"],
    async run(t) {
      const s = t.dial("/", { upgrade: false });
      await t.connected(s);
      for (let i = 0; i < 20; i++) equal(await call(s, "echo", i), i);
      equal(s.io.engine.transport.name, "polling");
    },
  },
  {
    name: "C10 H02: query reaches handshake.query, decoded, beside the engine's own",
    async run(t) {
      const query = { plain: "1", spaced: "a b+c", empty: "", uni: "é€😀", "odd key": "&=?#%" };
      const s = await t.open("/", { query });
      const seen = (await call(s, "handshake")).query;
      for (const [k, v] of Object.entries(query)) equal(seen[k], v, `query ${k}`);
      equal(seen.EIO, "4");
      equal(seen.transport, t.mode === "websocket" ? "websocket" : "polling");
    },
  },
  {
    name: "C10: query in the URL of the namespace's manager",
    async run(t) {
      const s = t.client.io(`${t.url}/?from=url`, { forceNew: true, reconnection: false, transports: t.manager().opts.transports });
      try {
        await t.connected(s);
        equal((await call(s, "handshake")).query.from, "url");
      } finally {
        s.disconnect();
      }
    },
  },
  {
    name: "C10: handshake object has address, url, issued, secure, xdomain",
    async run(t) {
      const before = Date.now();
      const s = await t.open();
      const h = await call(s, "handshake");
      match(h.address, /^(::ffff:)?127\.0\.0\.1$/, "address");
      match(h.url, /^\/socket\.io\/\?.*EIO=4/, "url");
      ok(Number.isInteger(h.issued) && h.issued >= before - 2000 && h.issued <= Date.now() + 2000, `issued ${h.issued} is not now in ms`);
      equal(h.secure, false, "secure");
      equal(h.xdomain, h.headers.origin !== undefined, "xdomain says whether Origin was there");
      match(h.headers.host, /^127\.0\.0\.1:\d+$/, "host header");
      equal(h.auth, {}, "auth when none was given");
    },
  },
  {
    name: "C10 C1: auth object arrives whole",
    async run(t) {
      const auth = { tag: "me", token: "abc", nested: { list: [1, null, "é😀"], deep: { ok: true } } };
      const s = await t.open("/", { auth });
      equal((await call(s, "handshake")).auth, auth);
      equal((await call(s, "about")).tag, "me");
    },
  },
  {
    name: "C10 C1: auth function is called at every connect",
    async run(t) {
      let calls = 0;
      const s = await t.open("/", { auth: (done) => setTimeout(() => done({ tag: `call ${++calls}` }), 1) });
      equal((await call(s, "about")).tag, "call 1");
      s.disconnect().connect();
      await t.connected(s);
      equal((await call(s, "about")).tag, "call 2");
    },
  },
  {
    name: "H04 C01: a new connect of the same socket gets a new id",
    async run(t) {
      const s = await t.open();
      const first = s.id;
      s.disconnect();
      equal(s.id, undefined, "id while disconnected");
      s.connect();
      await t.connected(s);
      ok(s.id !== first, "the id of an ended socket came again");
      equal((await t.gone(first)).reason, "client namespace disconnect");
    },
  },
  {
    name: "H06 H07 H16: refusal with a text (code 4), connect_error carries it",
    async run(t) {
      const mark = t.name("mark");
      const s = t.dial("/", { query: { deny: "members only", mark } });
      const first = t.mode === "websocket" ? "websocket" : "polling";
      refusedBy(await refusal(s), first, 403, { code: 4, message: "members only" });
      ok(!s.connected, "connected after a refusal");
      equal(await t.control("errors", mark), [{ code: 4, message: "Forbidden", context: { message: "members only" } }]);
    },
  },
  {
    name: "H06: refusal without a text says Forbidden",
    async run(t) {
      const seen = await refusal(t.dial("/", { query: { deny: "" } }));
      refusedBy(seen, t.mode === "websocket" ? "websocket" : "polling", 403, { code: 4, message: "Forbidden" });
    },
  },
  ...[
    { code: 0, row: "H10", message: "Transport unknown", query: { EIO: 4, transport: "carrier-pigeon" } },
    { code: 1, row: "H11", message: "Session ID unknown", query: { EIO: 4, sid: "AAAAAAAAAAAAAAAAAAAA" } },
    { code: 5, row: "H37", message: "Unsupported protocol version", query: { EIO: 3 } },
  ].map(({ code, row, message, query }) => ({
    name: `H06 ${row} H17: connect_error for code ${code}, ${message}`,
    modes: ["polling", "websocket"],
    async run(t) {
      const mark = t.name("mark");
      const transport = t.mode;
      const s = t.dial("/", { transportOptions: { [transport]: { query: { transport, mark, ...query } } } });
      const seen = await refusal(s);
      // On a WebSocket the reference finds code 5 after its 101 and writes HTTP into the stream.
      if (code === 5 && transport === "websocket" && t.target === "reference") equal(seen.message, "websocket error");
      else refusedBy(seen, transport, 400, { code, message });
      const errors = await t.control("errors", mark);
      equal(errors.map((e) => [e.code, e.message]), [[code, message]]);
    },
  })),
  {
    name: "H06 H12: connect_error for code 3 (polling with the sid of a websocket session)",
    modes: ["websocket", "upgrade"],
    async run(t) {
      const other = await t.open();
      const s = t.dial("/", { transports: ["polling"], query: { sid: other.io.engine.id } });
      refusedBy(await refusal(s), "polling", 400, { code: 3, message: "Bad request" });
      equal(await call(other, "echo", "still here"), "still here");
    },
  },
  {
    name: "C1: a refused client tries again when reconnection is on, and gets in once it is let in",
    async run(t) {
      const query = { deny: "not yet" };
      const s = t.dial("/", { query, reconnection: true });
      await next(s, "connect_error");
      delete s.io.opts.query.deny;
      await t.connected(s).catch(() => t.connected(s));
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "C1: tryAllTransports goes on to polling when websocket is refused",
    modes: ["upgrade"],
    async run(t) {
      const s = t.dial("/", {
        transports: ["websocket", "polling"],
        tryAllTransports: true,
        transportOptions: { websocket: { query: { transport: "websocket", EIO: 4, sid: "nobody" } } },
      });
      await t.connected(s);
      equal(s.io.engine.transport.name, "polling");
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "C1: addTrailingSlash:false is another path: not found",
    modes: ["polling", "websocket"],
    async run(t) {
      const s = t.dial("/", { addTrailingSlash: false });
      const [err] = await next(s, "connect_error");
      oneOf(err.message, ["xhr poll error", "websocket error"]);
      if (t.mode === "polling") equal(err.description, 404, "status");
    },
  },
  {
    name: "C12 R11: socket data of the server is in fetchSockets",
    async run(t) {
      const tag = t.name("tag");
      const s = await t.open("/", { auth: { tag }, query: { who: tag } });
      const [found] = await t.control("fetch", "/", { to: [s.id] });
      equal([found.id, found.tag, found.query.who, found.rooms], [s.id, tag, tag, [s.id]]);
    },
  },
  {
    name: "C1: emits before connect are sent after it, in order",
    async run(t) {
      const s = t.dial();
      const answers = Array.from({ length: 20 }, (_, i) => call(s, "echo", i));
      equal(await Promise.all(answers), [...answers.keys()]);
    },
  },
  {
    name: "K04 C1: a timed emit fails when the socket is disconnected before the answer",
    async run(t) {
      const s = await t.open();
      const failed = rejects(s.timeout(5000).emitWithAck("ack.never", 1));
      s.disconnect();
      equal((await failed).message, "socket has been disconnected");
      ok(canonical(s.connected) === "false", "still connected");
    },
  },
];
