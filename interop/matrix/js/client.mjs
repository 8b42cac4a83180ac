// The cases of ../cases.json by the official JavaScript client, in a version that is given:
//
//	node client.mjs VERSION URL TRANSPORT PARSER TAG
//
// See ../README.md for the arguments and for what is printed.

import { deepStrictEqual as equal, ok } from "node:assert";
import { createRequire } from "node:module";

const [version, url, transport, parser, tag] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const exported = require(`client-${version}`);
const io = typeof exported === "function" ? exported : exported.io;
const old = Number(version.split(".")[0]) < 3; // revision 3 of Engine.IO

// ---- tools

const open = new Set();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Cannot extends Error {}

function within(promise, what, ms = 10_000) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no ${what} in ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const next = (socket, event) => within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), `event ${event}`);

const ask = (socket, event, ...args) =>
  within(new Promise((resolve) => socket.emit(event, ...args, (...values) => resolve(values))), `answer to ${event}`);

/** begin opens a connection of its own, and joins the namespace. */
function begin(nsp, auth = {}, more = {}) {
  const socket = io(url + nsp, {
    forceNew: true,
    transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
    reconnectionDelay: 50,
    ...(old ? (Object.keys(auth).length ? { query: auth } : {}) : { auth }),
    ...(parser === "msgpack" ? { parser: require("socket.io-msgpack-parser") } : {}),
    ...more,
  });
  open.add(socket);
  return socket;
}

/** refusal is {message, data} of the namespace's answer; data alone in revision 3, if there is any. */
async function refusal(socket) {
  const [err] = await next(socket, old ? "error" : "connect_error");
  return old ? { seen: err } : { message: err.message, data: err.data };
}

/** settle waits until the connection has the cell's transport. */
async function settle(socket) {
  const want = transport === "upgrade" ? "websocket" : transport;
  for (;;) {
    const [about] = await ask(socket, "about");
    if (about.transport === want) return socket;
    ok(transport === "upgrade" && about.transport === "polling", `the transport is ${about.transport}`);
    await sleep(10);
  }
}

async function joined(nsp, auth, more) {
  const socket = begin(nsp, auth, more);
  await next(socket, "connect");
  return settle(socket);
}

/** plain is a value with its binaries as {binary: hex}. */
function plain(v) {
  if (v instanceof ArrayBuffer) return { binary: Buffer.from(v).toString("hex") };
  if (ArrayBuffer.isView(v)) return { binary: Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString("hex") };
  if (Array.isArray(v)) return v.map(plain);
  if (v !== null && typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, w]) => [k, plain(w)]));
  return v;
}

const same = (got, want) => equal(plain(got), plain(want));

/** echoed sends the arguments and expects them back. */
async function echoed(...args) {
  const socket = await joined("/");
  const back = next(socket, "echo");
  socket.emit("echo", ...args);
  same(await back, args);
}

/** collected is the list of the first arguments of an event, as they come. */
function collected(socket, event) {
  const list = [];
  socket.on(event, (v) => list.push(v));
  return list;
}

const json = () => [null, true, false, 0, -7, 1.5, 9007199254740991, "", "é€😀\u2028\"\\\n", [], {}, [[[1]]], { a: { b: [{ c: null }] } }];

// ---- cases

const cases = {
  async connect() {
    const socket = await joined("/");
    const [about] = await ask(socket, "about");
    equal([about.nsp, about.id, about.protocol], ["/", socket.id, old ? 3 : 4]);
  },

  async transport() {
    await joined("/");
  },

  async order() {
    const socket = begin("/");
    await next(socket, "connect");
    const list = collected(socket, "echo");
    for (let i = 0; i < 40; i++) {
      socket.emit("echo", i);
      if (i % 10 === 9) await sleep(2);
    }
    await settle(socket);
    const last = next(socket, "message");
    socket.emit("message");
    await last;
    equal(list, Array.from({ length: 40 }, (_, i) => i));
  },

  async auth() {
    await joined("/auth", { token: "good" });
  },

  async "auth.refused"() {
    const data = { code: 401, seen: "bad", hints: ["ask", { again: true }] };
    equal(await refusal(begin("/auth", { token: "bad" })), old ? { seen: data } : { message: "unauthorized", data });
  },

  async middleware() {
    equal(await refusal(begin("/auth")), old ? { seen: "no token" } : { message: "no token", data: undefined });
  },

  async unknown() {
    equal(await refusal(begin("/nowhere")), old ? { seen: { message: "Invalid namespace" } } : { message: "Invalid namespace", data: undefined });
  },

  async namespace() {
    const main = await joined("/");
    const other = main.io.socket("/static");
    open.add(other);
    await next(other, "connect");
    const [atMain, atOther] = [collected(main, "echo"), collected(other, "echo")];
    main.emit("echo", "main");
    other.emit("echo", "other");
    await Promise.all([ask(main, "rooms"), ask(other, "rooms")]);
    equal([atMain, atOther], [["main"], ["other"]]);
  },

  async dynamic() {
    const socket = await joined(`/dyn/${tag}`);
    const [about] = await ask(socket, "about");
    equal(about.nsp, `/dyn/${tag}`);
  },

  json: () => echoed(...json()),
  text: () => echoed("aé€😀".repeat(6554)),
  binary: () => echoed(Buffer.from({ length: 100_000 }, (_, i) => (i * 31) & 255)),
  nested: () => echoed({ a: Buffer.from("one"), b: [{ c: Buffer.from("two") }] }, Buffer.from("three")),

  async given() {
    const socket = await joined("/");
    let given = next(socket, "given");
    socket.emit("give", "nested");
    same(await given, [{ a: Buffer.from("one"), b: [Buffer.from("two"), { c: Buffer.alloc(0) }] }, "x", Buffer.from("three")]);
    if (version.startsWith("1.") && transport === "polling") {
      throw new Cannot("expects what is not ASCII encoded twice as UTF-8 on polling, which servers gave up with 2.0");
    }
    given = next(socket, "given");
    socket.emit("give", "json");
    same(await given, json());
  },

  async ack() {
    same(await ask(await joined("/"), "echo", "a", { b: [1] }, null), ["a", { b: [1] }, null]);
  },

  async "ack.binary"() {
    same(await ask(await joined("/"), "echo", Buffer.from("one"), 2), [Buffer.from("one"), 2]);
  },

  async "ack.client"() {
    const socket = await joined("/");
    socket.on("question", (a, b, answer) => answer("answer", a + b));
    same(await ask(socket, "ask", 10_000, "question", 1, 1), [{ error: null, values: ["answer", 2] }]);
  },

  async "ack.timeout"() {
    const socket = await joined("/");
    if (!socket.timeout) throw new Cannot("timeouts of acknowledgements came with 4.4");
    const err = await within(new Promise((resolve) => socket.timeout(200).emit("ack.never", resolve)), "timeout");
    ok(err instanceof Error, "no error");
  },

  async "ack.unanswered"() {
    same(await ask(await joined("/"), "ask", 200, "unheard"), [{ error: "timeout", values: [] }]);
  },

  async room() {
    const [a, b] = [await joined("/"), await joined("/")];
    const [atA, atB] = [collected(a, "note"), collected(b, "note")];
    await ask(a, "join", [tag]);
    await ask(b, "join", [tag]);
    await ask(a, "cast", { from: "socket", to: [tag] }, "note", 1);
    await ask(b, "leave", tag);
    await ask(a, "cast", { to: [tag] }, "note", 2);
    await Promise.all([ask(a, "rooms"), ask(b, "rooms")]);
    equal([atA, atB], [[2], [1]]);
  },

  async broadcast() {
    const nsp = `/dyn/${tag}.all`;
    const [a, b] = [await joined(nsp), await joined(nsp)];
    const [atA, atB] = [collected(a, "note"), collected(b, "note")];
    await ask(b, "join", ["b"]);
    await ask(a, "cast", {}, "note", 1);
    await ask(a, "cast", { from: "socket" }, "note", 2);
    await ask(a, "cast", { except: ["b"] }, "note", 3);
    await Promise.all([ask(a, "rooms"), ask(b, "rooms")]);
    equal([atA, atB], [[1, 3], [1, 2]]);
  },

  async "disconnect.client"() {
    const control = begin("/control");
    await next(control, "connect");
    const socket = await joined("/");
    const { id } = socket;
    socket.disconnect();
    await within(
      (async () => {
        for (;;) {
          const [record] = await ask(control, "record", id);
          if (record.times) return equal([record.reason, record.times], ["client namespace disconnect", 1]);
          await sleep(10);
        }
      })(),
      "end of the socket",
    );
  },

  async "disconnect.server"() {
    const socket = await joined("/");
    const gone = next(socket, "disconnect");
    socket.emit("disconnect.me", false);
    equal((await gone)[0], "io server disconnect");
  },

  async "disconnect.close"() {
    const socket = await joined("/");
    const gone = next(socket, "disconnect");
    socket.emit("disconnect.me", true);
    equal((await gone)[0], "io server disconnect");
  },

  async reconnect() {
    const socket = await joined("/");
    const before = socket.id;
    const gone = next(socket, "disconnect");
    const back = next(socket, "connect");
    socket.emit("cut");
    equal((await gone)[0], "transport close");
    await back;
    await settle(socket);
    ok(socket.id !== before, "the same socket");
    same(await ask(socket, "echo", 1), [1]);
  },
};

for (const [name, run] of Object.entries(cases)) {
  try {
    await within(run(), "end of the case", 20_000);
    console.log(`ok ${name}`);
  } catch (err) {
    if (err instanceof Cannot) console.log(`none ${name} ${err.message}`);
    else console.log(`fail ${name} ${String(err.message).replaceAll(/\s+/g, " ").slice(0, 300)}`);
  }
  for (const socket of open) socket.disconnect();
  open.clear();
}
process.exit(0);
