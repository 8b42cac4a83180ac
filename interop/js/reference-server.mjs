// The application of ../APP.md on the reference server: it proves the cases.
// Every rule here is written down there; where the two differ, one is wrong.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
    "connect-timeout": { type: "string", default: "45000" },
    "upgrade-timeout": { type: "string", default: "10000" },
    "max-payload": { type: "string", default: "1000000" },
    transports: { type: "string", default: "polling,websocket" },
    "no-upgrades": { type: "boolean", default: false },
    "no-http-compression": { type: "boolean", default: false },
    "per-message-deflate": { type: "string" },
    "initial-packet": { type: "string" },
    "generate-id": { type: "boolean", default: false },
    "allow-eio3": { type: "boolean", default: false },
    parser: { type: "string" },
    cors: { type: "string" },
    cookie: { type: "string" },
    client: { type: "string" }, // it has its own
    "client-version": { type: "string" },
    "tls-cert": { type: "string" },
    "tls-key": { type: "string" },
    "tls-ca": { type: "string" },
    recovery: { type: "string" },
    stdin: { type: "boolean", default: false },
  },
});

const options = {
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
  connectTimeout: Number(flags["connect-timeout"]),
  upgradeTimeout: Number(flags["upgrade-timeout"]),
  maxHttpBufferSize: Number(flags["max-payload"]),
  transports: flags.transports.split(","),
  allowUpgrades: !flags["no-upgrades"],
  serveClient: flags.client !== undefined,
  allowEIO3: flags["allow-eio3"],
  allowRequest(req, done) {
    const deny = req._query.deny;
    setImmediate(() => (deny === undefined ? done(null, true) : done(deny, false)));
  },
};
const cors = {
  any: {},
  list: { origin: ["http://a.example", "null", /\.b\.example$/], credentials: true },
  function: { origin: (origin, done) => done(null, origin?.endsWith(".example") ?? false) },
  all: {
    origin: ["http://a.example"],
    methods: ["GET", "PUT", "POST"],
    allowedHeaders: ["my-header", "other"],
    exposedHeaders: ["seen", "too"],
    credentials: true,
    maxAge: 123,
    optionsSuccessStatus: 200,
  },
  continue: { preflightContinue: true },
};
if (flags.cors) options.cors = cors[flags.cors];
const cookies = {
  default: true,
  all: {
    name: "sid",
    path: "/p",
    domain: "example.com",
    maxAge: 86400,
    expires: new Date(Date.UTC(2031, 1, 3, 4, 5, 6)),
    httpOnly: false,
    sameSite: "strict",
    secure: true,
    partitioned: true,
  },
};
if (flags.cookie) options.cookie = cookies[flags.cookie];
if (flags["per-message-deflate"]) options.perMessageDeflate = { threshold: Number(flags["per-message-deflate"]) };
if (flags["no-http-compression"]) options.httpCompression = false;
if (flags.parser !== undefined) options.parser = (await import(flags.parser === "parcels" ? "./lib/parcels.mjs" : flags.parser)).default;
if (flags.recovery) options.connectionStateRecovery = { maxDisconnectionDuration: Number(flags.recovery) };
if (flags["initial-packet"] !== undefined) options.initialPacket = flags["initial-packet"];

const notFound = (req, res) => res.writeHead(404).end();
const text = (flag) => flags[flag] && readFileSync(flags[flag]);
const tls = flags["tls-cert"] && {
  cert: text("tls-cert"), key: text("tls-key"), ca: text("tls-ca"), requestCert: "tls-ca" in flags, rejectUnauthorized: "tls-ca" in flags,
};
const http = tls ? createSecureServer(tls, notFound) : createServer(notFound);
const io = new Server(http, options);

// ---- the HTTP side

const refusals = []; // the newest handshake errors
io.engine.on("connection_error", ({ req, code, message, context = {} }) => {
  const plain = Object.entries(context).filter(([, v]) => ["string", "number"].includes(typeof v));
  refusals.push({ url: req.url, code, message, context: Object.fromEntries(plain) });
  if (refusals.length > 1000) refusals.shift();
});
io.engine.on("initial_headers", (headers) => (headers["x-app-initial"] = "1"));
io.engine.on("headers", (headers) => (headers["x-app-every"] = "1"));
if (flags["generate-id"]) {
  const standard = io.engine.generateId;
  io.engine.generateId = async (req) => {
    if (req._query.id === "fail") throw new Error("no id today");
    return req._query.id ?? standard(req);
  };
}

// ---- what is remembered of each socket

const records = new Map(); // socket id -> record
let stopping = false;

function remember(socket) {
  const record = { errors: 0, reason: null, rooms: [], times: 0 };
  records.set(socket.id, record);
  if (records.size > 10_000) records.delete(records.keys().next().value);
  socket.on("disconnecting", (reason) => {
    record.reason = reason;
    record.rooms = [...socket.rooms].sort();
  });
  socket.on("disconnect", (reason) => {
    if (reason === record.reason) record.times++;
    if (stopping) console.log("disconnect " + JSON.stringify({ id: socket.id, nsp: socket.nsp.name, reason }));
  });
  return record;
}

// ---- helpers of several events

function kind(v) {
  if (v === null) return "null";
  if (Buffer.isBuffer(v)) return `binary(${v.length})`;
  if (Array.isArray(v)) return `[${v.map(kind).join(",")}]`;
  if (typeof v === "object") return `{${Object.keys(v).sort().map((k) => `${k}:${kind(v[k])}`).join(",")}}`;
  if (typeof v === "string") return `string(${Buffer.byteLength(v)})`;
  return typeof v;
}

// gifts are arguments that only the server's own encoder has touched.
const gifts = {
  none: () => [],
  json: () => [null, true, false, 0, -7, 1.5, 9007199254740991, "", "é€😀\u2028\"\\\n", [], {}, [[[1]]], { a: { b: [{ c: null }] } }],
  date: () => [new Date(Date.UTC(2024, 1, 29, 12, 30, 45, 678))],
  binary: () => [Buffer.from([0, 1, 2, 253, 254, 255])],
  nested: () => [{ a: Buffer.from("one"), b: [Buffer.from("two"), { c: Buffer.alloc(0) }] }, "x", Buffer.from("three")],
  ten: () => Array.from({ length: 10 }, (_, i) => Buffer.from([i])),
  eleven: () => Array.from({ length: 11 }, (_, i) => Buffer.from([i])),
  large: () => ["x".repeat(2_000_000)],
};

function target(nsp, socket, { from = "server", to = [], except = [], ...on } = {}) {
  let t = from === "socket" ? socket.broadcast : nsp;
  for (const room of to) t = t.to(room);
  for (const room of except) t = t.except(room);
  if (on.local) t = t.local;
  if (on.volatile) t = t.volatile;
  if (on.compress === false) t = t.compress(false);
  return t;
}

const askAll = (t, ms, event, args, ack) =>
  t.timeout(ms).emit(event, ...args, (err, values) => ack({ error: err ? "timeout" : null, values }));

const askOne = (socket, ms, event, args, ack) =>
  socket.timeout(ms).emit(event, ...args, (err, ...values) => ack({ error: err ? "timeout" : null, values }));

function refused(emit) {
  try {
    emit();
    return false;
  } catch {
    return true;
  }
}

const flaky = new Map(); // key -> attempts so far

// ---- the common events

function install(nsp) {
  nsp.on("connection", (socket) => {
    const record = remember(socket);
    const on = (event, handler) => socket.on(event, handler);
    const handshake = socket.handshake;
    if (!socket.recovered) socket.data.tag = handshake.auth.tag ?? null;

    for (const event of ["echo", "message"]) {
      on(event, (...args) => {
        if (typeof args.at(-1) === "function") args.pop()(...args);
        else socket.emit(event, ...args);
      });
    }
    on("kinds", (...args) => args.pop()(args.map(kind)));
    on("give", (name) => socket.emit("given", ...gifts[name]()));
    on("reply", (flags, event, ...args) => {
      let s = socket;
      if (flags.volatile) s = s.volatile;
      if (flags.compress === false) s = s.compress(false);
      s.emit(event, ...args);
    });
    on("burst", (n, event, { volatile = false, pad = 0 }, ack) => {
      const padding = "x".repeat(pad);
      for (let i = 0; i < n; i++) (volatile ? socket.volatile : socket).emit(event, i, padding);
      ack();
    });
    on("42", (...args) => socket.emit("numeric", ...args));
    on("error", (...args) => {
      if (!(args[0] instanceof Error)) return socket.emit("error.seen", ...args);
      record.errors++;
      if (args[0].data) socket.emit("error.report", args[0].message, args[0].data);
    });

    on("ack.twice", (ack) => {
      ack("first");
      ack("second");
    });
    on("ack.never", () => {});
    on("flaky", (key, failures, ack) => {
      const attempt = (flaky.get(key) ?? 0) + 1;
      flaky.set(key, attempt);
      if (attempt > failures) ack(attempt);
    });
    on("ask", (ms, event, ...args) => askOne(socket, ms, event, args, args.pop()));

    on("join", async (rooms, ack) => {
      await socket.join(rooms);
      ack([...socket.rooms].sort());
    });
    on("leave", async (room, ack) => {
      await socket.leave(room);
      ack([...socket.rooms].sort());
    });
    on("rooms", (ack) => ack([...socket.rooms].sort()));
    on("cast", (cast, event, ...args) => {
      const ack = args.pop();
      target(socket.nsp, socket, cast).emit(event, ...args);
      ack();
    });
    on("cast.ask", (cast, ms, event, ...args) => askAll(target(socket.nsp, socket, cast), ms, event, args, args.pop()));

    on("about", (ack) =>
      ack({
        id: socket.id,
        nsp: socket.nsp.name,
        transport: socket.conn.transport.name,
        protocol: socket.conn.protocol,
        connected: socket.connected,
        recovered: socket.recovered,
        tag: socket.data.tag,
        trail: socket.data.trail ?? [],
      }),
    );
    on("handshake", (ack) => {
      const { headers, query, auth, address, xdomain, secure, issued, url } = handshake;
      ack({ headers, query, auth, address, xdomain, secure, issued, url });
    });
    on("refuse", (name, ack) => ack([refused(() => socket.emit(name)), refused(() => socket.nsp.emit(name))]));
    on("disconnect.me", (close) => socket.disconnect(close));
    on("cut", () => socket.conn.close());
  });
  return nsp;
}

install(io.of("/"));
install(io.of("/static"));
const dynamic = install(io.of(/^\/dyn\/[^/]+$/));
install(io.of((name, auth, next) => setImmediate(next, null, name.startsWith("/fn/") && auth.allow === true)));

const refuse = (message, data) => Object.assign(new Error(message), data === undefined ? {} : { data });

install(io.of("/auth")).use((socket, next) => {
  const { token } = socket.handshake.auth;
  if (token === "good") return next();
  next(token === undefined ? refuse("no token") : refuse("unauthorized", { code: 401, seen: token, hints: ["ask", { again: true }] }));
});

install(io.of("/enter")).use((socket, next) => {
  socket.join(["enter:a", "enter:b"]);
  next(socket.handshake.auth.fail ? refuse("not this time") : undefined);
});

const chain = install(io.of("/chain"));
for (const step of ["one", "two"]) {
  chain.use((socket, next) => {
    setImmediate(() => {
      const trail = (socket.data.trail ??= []);
      trail.push(`${step}:${socket.connected}`);
      next(socket.handshake.auth.stop === step ? refuse("stopped", { trail }) : undefined);
    });
  });
}

io.of("/never").use(() => {});

install(io.of("/watch")).on("connection", (socket) => {
  const seen = { in: [], out: [] };
  socket.onAny((event) => seen.in.push(event));
  socket.onAnyOutgoing((event) => seen.out.push(event));
  socket.use(([event, ...args], next) => {
    if (event === "blocked") return next(refuse("blocked", { args: args.filter((a) => typeof a !== "function") }));
    next();
  });
  socket.on("blocked", () => socket.emit("blocked.ran"));
  socket.on("report", (ack) => ack(seen));
});

// ---- the control namespace

io.of("/control").on("connection", (socket) => {
  const on = (event, handler) => socket.on(event, handler);
  on("record", (id, ack) => ack(records.get(id) ?? null));
  on("stats", (ack) => ack({ clients: io.engine.clientsCount }));
  on("errors", (mark, ack) => ack(refusals.filter((r) => r.url.includes(`mark=${mark}`)).map(({ url, ...rest }) => rest)));
  on("cast", (name, cast, event, ...args) => {
    const ack = args.pop();
    target(io.of(name), null, cast).emit(event, ...args);
    ack();
  });
  on("cast.ask", (name, cast, ms, event, ...args) => askAll(target(io.of(name), null, cast), ms, event, args, args.pop()));
  on("ask", (name, id, ms, event, ...args) => {
    const ack = args.pop();
    const found = io.of(name).sockets.get(id);
    if (found) askOne(found, ms, event, args, ack);
    else ack({ error: "unknown", values: [] });
  });
  on("fetch", async (name, cast, ack) => {
    const sockets = await target(io.of(name), null, cast).fetchSockets();
    const list = sockets.map((s) => ({ id: s.id, rooms: [...s.rooms].sort(), query: s.handshake.query, tag: s.data.tag }));
    ack(list.sort((a, b) => (a.id < b.id ? -1 : 1)));
  });
  on("sockets.join", (name, cast, rooms, ack) => ack(target(io.of(name), null, cast).socketsJoin(rooms)));
  on("sockets.leave", (name, cast, rooms, ack) => ack(target(io.of(name), null, cast).socketsLeave(rooms)));
  on("sockets.disconnect", (name, cast, close, ack) => ack(target(io.of(name), null, cast).disconnectSockets(close)));
  on("end", (name, id, close, ack) => {
    const found = io.of(name).sockets.get(id);
    found?.disconnect(close);
    ack(found !== undefined);
  });
  on("dyn.emit", (event, ...args) => {
    const ack = args.pop();
    dynamic.emit(event, ...args);
    ack();
  });
});

// ---- life

async function stop() {
  if (stopping) return;
  stopping = true;
  await io.close();
  process.exit(0);
}
process.on("SIGTERM", stop);
if (flags.stdin) process.stdin.on("end", stop).on("error", stop).resume();
http.listen(Number(flags.port), "127.0.0.1", () => console.log(`listening http${tls ? "s" : ""}://127.0.0.1:${http.address().port}`));
