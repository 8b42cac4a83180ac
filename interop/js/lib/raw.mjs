// Speaks Engine.IO and Socket.IO to a server without the client, byte for byte.

import { request } from "node:http";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { equal, pause, until, within } from "./check.mjs";

export const separator = "\x1e";

/** query is a query string; undefined values are left out, a text is taken as it is. */
const query = (q) => (typeof q === "string" ? q : new URLSearchParams(Object.entries(q).filter(([, v]) => v !== undefined)).toString());

/**
 * http sends one request on a connection of its own and is {status, headers, body, text, json}.
 * body is a text or Buffer; pieces instead is an iterable, also an asynchronous one,
 * sent as chunks of a chunked body. The promise has abort(), which hangs up.
 */
export function http(server, { method = "GET", path = "/socket.io/", query: q = {}, headers = {}, body, pieces } = {}) {
  let req;
  const answer = new Promise((resolve, reject) => {
    const search = query(q);
    req = request({ host: "127.0.0.1", port: server.port, method, path: search ? `${path}?${search}` : path, headers, agent: false }, (res) => {
      const parts = [];
      res.on("data", (part) => parts.push(part));
      res.on("error", reject);
      res.on("end", () => {
        const whole = Buffer.concat(parts);
        const text = whole.toString();
        resolve({
          status: res.statusCode,
          headers: res.headers,
          raw: res.rawHeaders,
          body: whole,
          text,
          get json() {
            return JSON.parse(text);
          },
        });
      });
    });
    req.on("error", reject);
    if (pieces) {
      (async () => {
        for await (const piece of pieces) await new Promise((sent) => req.write(piece, sent));
        req.end();
      })();
    } else {
      req.end(body);
    }
  });
  const promise = within(answer, `the answer to ${method} ${path}?${query(q)}`);
  promise.catch(() => {});
  promise.abort = () => req.destroy();
  promise.sent = new Promise((resolve) => req.on("finish", resolve).on("close", resolve));
  return promise;
}

/** engine is the query of an Engine.IO request. */
export const engine = (transport, more = {}) => ({ EIO: "4", transport, ...more });

/** wire sends bytes as they are on a new TCP connection and is all that comes until the server ends it. */
export function wire(server, bytes) {
  const all = new Promise((resolve, reject) => {
    const parts = [];
    const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes));
    const done = () => resolve(Buffer.concat(parts).toString("latin1"));
    socket.on("data", (part) => parts.push(part));
    socket.on("end", done);
    socket.on("close", done);
    socket.on("error", (err) => (parts.length ? done() : reject(err)));
  });
  return within(all, "the server's end of the connection");
}

/** parseHead is {status, headers, body} of what wire got. */
export function parseHead(text) {
  const end = text.indexOf("\r\n\r\n");
  const [line, ...rest] = text.slice(0, end).split("\r\n");
  const headers = Object.fromEntries(rest.map((l) => [l.slice(0, l.indexOf(":")).toLowerCase(), l.slice(l.indexOf(":") + 1).trim()]));
  return { line, status: Number(line.split(" ")[1]), headers, body: text.slice(end + 4) };
}

/** upgradeRequest is the head of a WebSocket handshake. */
export const upgradeRequest = (q, more = "") =>
  `GET /socket.io/?${query(q)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

/** A Poller is one Engine.IO session on polling. */
export class Poller {
  /** open does the handshake; more goes to the query. */
  static async open(server, more = {}, headers = {}) {
    const res = await http(server, { query: engine("polling", more), headers });
    equal(res.status, 200, `status of the handshake, ${res.text}`);
    const poller = new Poller();
    const [open, ...rest] = res.text.split(separator);
    Object.assign(poller, { server, more, handshake: JSON.parse(open.slice(1)), rest });
    poller.sid = poller.handshake.sid;
    return poller;
  }

  /** join opens and connects to a namespace; id is the socket's. */
  static async join(server, nsp = "/", more) {
    const poller = await Poller.open(server, more);
    poller.id = await poller.connect(nsp);
    return poller;
  }

  async connect(nsp = "/", auth) {
    const at = nsp === "/" ? "" : `${nsp},`;
    await this.say(`40${at}${auth ? JSON.stringify(auth) : ""}`);
    const [answer] = await this.hear();
    equal(answer.slice(0, 2 + at.length), `40${at}`, "answer to CONNECT");
    return JSON.parse(answer.slice(2 + at.length)).sid;
  }

  get(options = {}) {
    return http(this.server, { query: engine("polling", { sid: this.sid }), ...options });
  }

  /**
   * held is {answer} of a GET that has very likely reached the server: it left this process, another
   * request made its round trip since, and a moment passed. A server with one loop then has it; nothing
   * on the wire can show it for one with several.
   */
  async held() {
    const answer = this.get();
    await answer.sent;
    await http(this.server, { path: "/elsewhere" });
    await pause(20);
    return { answer };
  }

  post(body, options = {}) {
    const headers = { "content-type": "text/plain;charset=UTF-8", ...options.headers };
    return http(this.server, { method: "POST", query: engine("polling", { sid: this.sid }), body, ...options, headers });
  }

  /** say posts packets and expects them to be taken. */
  async say(...packets) {
    const res = await this.post(packets.join(separator));
    equal([res.status, res.text], [200, "ok"], "answer to POST");
  }

  /** hear is the packets of one GET. Pings are answered and left out. */
  async hear() {
    for (;;) {
      const res = await this.get();
      equal(res.status, 200, `status of GET, ${res.text}`);
      const packets = res.text.split(separator).filter((p) => p !== "2");
      if (packets.length < res.text.split(separator).length) await this.say("3");
      if (packets.length) return packets;
    }
  }
}

/** A Wire is one WebSocket of an Engine.IO session, text frames as texts and binary frames as Buffers. */
export class Wire {
  /** open connects; it fails with {status, body} of the answer if that is no 101. */
  static async open(server, more = {}, { protocols, ...options } = {}) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/socket.io/?${query(engine("websocket", more))}`, protocols, { perMessageDeflate: false, ...options });
    const w = new Wire(socket);
    const opened = new Promise((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("unexpected-response", (_, res) => {
        let body = "";
        res.on("data", (part) => (body += part));
        res.on("end", () => reject(Object.assign(new Error(`refused with ${res.statusCode} ${body}`), { status: res.statusCode, body })));
      });
      socket.on("error", reject);
      w.closed.then(({ code }) => reject(new Error(`closed with ${code} before it was open`)));
    });
    await within(opened, "the WebSocket's opening");
    return w;
  }

  /** start opens a session of its own: handshake is its open packet. */
  static async start(server, more, options) {
    const w = await Wire.open(server, more, options);
    const open = await w.next();
    equal(open[0], "0", "type of the first packet");
    w.handshake = JSON.parse(open.slice(1));
    w.sid = w.handshake.sid;
    return w;
  }

  /** join starts a session and connects to a namespace; id is the socket's. */
  static async join(server, nsp = "/", more) {
    const w = await Wire.start(server, more);
    w.id = await w.connect(nsp);
    return w;
  }

  #queue = [];
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    this.headers = {};
    this.controls = []; // payloads of pongs
    socket.on("upgrade", (res) => (this.headers = res.headers));
    socket.on("message", (data, isBinary) => {
      const frame = isBinary ? data : data.toString();
      const waiting = this.#waiting.shift();
      if (waiting) waiting(frame);
      else this.#queue.push(frame);
    });
    socket.on("pong", (payload) => this.controls.push(payload.toString()));
    socket.on("error", () => {});
    /** closed is {code, reason}, never an error. */
    this.closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })));
  }

  send(...frames) {
    for (const frame of frames) this.socket.send(frame);
  }

  /** next is the next frame; it fails if the WebSocket ends first. */
  next(ms) {
    if (this.#queue.length) return Promise.resolve(this.#queue.shift());
    const frame = new Promise((resolve) => this.#waiting.push(resolve));
    const ended = this.closed.then(({ code }) => {
      throw new Error(`closed with ${code} while a frame was awaited`);
    });
    return within(Promise.race([frame, ended]), "the next frame", ms);
  }

  /** expect takes one frame for each of the given ones. */
  async expect(...frames) {
    for (const frame of frames) equal(await this.next(), frame, "frame");
  }

  async connect(nsp = "/", auth) {
    const at = nsp === "/" ? "" : `${nsp},`;
    this.send(`40${at}${auth ? JSON.stringify(auth) : ""}`);
    const answer = await this.next();
    equal(answer.slice(0, 2 + at.length), `40${at}`, "answer to CONNECT");
    return JSON.parse(answer.slice(2 + at.length)).sid;
  }

  /** end waits for the close and is its code. */
  async end(ms) {
    return (await within(this.closed, "the WebSocket's end", ms)).code;
  }

  close() {
    this.socket.terminate();
  }
}

/** alive sends an echo on a socket of "/" and expects it back: the session and its socket still work. */
export async function alive(session) {
  const text = '42["echo","alive"]';
  if (session instanceof Poller) {
    await session.say(text);
    equal(await session.hear(), [text], "echo");
  } else {
    session.send(text);
    let frame;
    while ((frame = await session.next()) === "2") session.send("3");
    equal(frame, text, "echo");
  }
}

/**
 * handled waits, without a poll, until the handlers have run for all that the poller has said: the answer to a
 * POST says only that its packets were taken. A join behind them is seen by the control namespace. handled is
 * the join's acknowledgement, which comes behind what the others sent, perhaps not at once.
 */
export async function handled(poller, t) {
  const room = t.name("handled");
  await poller.say(`421["join",["${room}"]]`);
  await until(async () => (await t.control("fetch", "/", { to: [room] })).length === 1, "what was said is handled");
  return `431${JSON.stringify([[poller.id, room].sort()])}`;
}
