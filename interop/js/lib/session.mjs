// What a case gets: the official client in one transport mode, against one server.
// Used in Node and in a page; nothing here knows which.

import { call, equal, until, within } from "./check.mjs";

export const modes = ["polling", "websocket", "upgrade"];

const transportsOf = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

let serial = 0;
const run = Math.random().toString(36).slice(2, 8);

export class Session {
  #managers = [];
  #control;

  /**
   * client is the official package (io, Manager); url is the server's base; target says which server's
   * quirks to expect; gate() holds a client's upgrade back, see gate.mjs; options are those of every
   * client, and parser that of the control connection.
   */
  constructor({ client, url, mode, target = "reference", gate, options = {}, parser }) {
    Object.assign(this, { client, url, mode, target, gate, options, parser });
  }

  /** by picks the value for the server under test where the two are known to differ. */
  by({ reference, sio }) {
    return this.target === "sio" ? sio : reference;
  }

  /** name is a name that no other case uses, for rooms, keys and marks. */
  name(prefix = "x") {
    return `${prefix}-${run}-${++serial}`;
  }

  /** manager is a Manager of its own in the session's mode, not yet open; its sockets open it. */
  manager({ url = this.url, ...opts } = {}) {
    const manager = new this.client.Manager(url, {
      transports: transportsOf[this.mode],
      reconnection: false,
      reconnectionDelay: 30,
      reconnectionDelayMax: 150,
      autoConnect: false,
      ...this.options,
      ...opts,
    });
    this.#managers.push(manager);
    return manager;
  }

  /** owns tells whether the socket is of one of this session's managers. */
  owns(socket) {
    return this.#managers.includes(socket.io);
  }

  /** dial starts a connection and returns its socket at once. auth goes to the namespace, the rest to the manager. */
  dial(nsp = "/", { auth, retries, ackTimeout, manager, ...opts } = {}) {
    const socket = (manager ?? this.manager(opts)).socket(nsp, { auth, retries, ackTimeout });
    return socket.connect();
  }

  /** open is dial, ended once the socket is connected and on its final transport, as seen from both sides. */
  async open(nsp = "/", { ask = true, ...opts } = {}) {
    const socket = this.dial(nsp, opts);
    await this.connected(socket);
    await this.settled(socket, ask);
    return socket;
  }

  /** connected waits for the socket's connect, or fails with its connect_error. */
  async connected(socket) {
    if (socket.connected) return;
    const done = new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", (err) => reject(new Error(`connect_error on ${socket.nsp}: ${err.message} ${err.description ?? ""}`)));
    });
    await within(done, `connect on ${socket.nsp}`);
  }

  /** settled waits for the upgrade, if the mode has one, and checks the transport's name on both sides. */
  async settled(socket, ask = true) {
    const engine = socket.io.engine;
    const final = this.mode === "polling" ? "polling" : "websocket";
    await until(() => engine.transport.name === final, `the client's transport is ${final}`);
    if (ask) {
      const { transport } = await call(socket, "about");
      equal(transport, final, "transport as the server sees it");
    }
  }

  /** control asks the application's control namespace. */
  async control(event, ...args) {
    if (!this.#control) {
      const { parser } = this;
      const { ca, cert, key } = this.options; // of TLS
      this.#control = this.client.io(`${this.url}/control`, {
        transports: ["websocket"], forceNew: true, reconnectionDelay: 30, reconnectionDelayMax: 150, ...(parser && { parser }), ca, cert, key,
      });
    }
    return call(this.#control, event, ...args);
  }

  /** gone waits until the server has seen the socket's end, and is its record. */
  async gone(id, ms) {
    return until(async () => {
      const record = await this.control("record", id);
      return record?.reason != null && record.times > 0 && record;
    }, `the server's record of the end of ${id}`, ms);
  }

  /** close ends everything that the case opened. */
  close() {
    for (const manager of this.#managers.splice(0)) {
      manager.reconnection(false);
      for (const socket of Object.values(manager.nsps)) {
        socket.removeAllListeners();
        socket.disconnect();
      }
      manager.disconnect();
    }
    this.#control?.disconnect();
    this.#control = undefined;
  }
}
