// Clients that talk while they upgrade, in Node and in a page alike.

import { call, equal, numbered, ok, pause, until, within } from "./check.mjs";

/** How long a crowd may take for a step, in milliseconds. */
export const long = 45_000;

/**
 * A Talker is a client whose upgrade waits until `held` of its echoes have come by polling, and so falls
 * into the traffic. It notes the broadcasts `news` from its first moment on.
 */
export class Talker {
  echoes = [];
  news = [];

  constructor(t, nsp, held) {
    const gate = t.gate();
    const socket = t.dial(nsp, gate.opts);
    socket.on("echo", (i) => {
      this.echoes.push(i);
      if (this.echoes.length === held) gate.open();
    });
    socket.on("news", (i) => this.news.push(i));
    const engine = socket.io.engine;
    this.upgraded = new Promise((resolve) => engine.once("upgrade", () => resolve(this.echoes.length)));
    Object.assign(this, { t, socket, held });
  }

  connected() {
    return this.t.connected(this.socket);
  }

  /**
   * talk sends n numbered echoes: a third at once, a third in small steps, the rest once it has upgraded. It
   * ends when all are back, each once and in order. upgraded is called at the upgrade.
   */
  async talk(n, upgraded = () => {}) {
    const { socket, echoes, held } = this;
    let sent = 0;
    const send = (upTo) => {
      while (sent < upTo) socket.emit("echo", sent++);
    };
    send(Math.floor(n / 3));
    while (sent < (2 * n) / 3) {
      await pause(2);
      send(Math.min(sent + 5, Math.ceil((2 * n) / 3)));
    }
    const at = await within(this.upgraded, "the upgrade", long);
    upgraded();
    ok(at >= held && at < n, `upgraded after ${at} of ${n} echoes`);
    send(n);
    await until(() => echoes.length >= n, `${n} echoes came`, long);
    equal(await call(socket, "echo", "end"), "end");
    equal(echoes, numbered(n), "echoes");
    equal(socket.io.engine.transport.name, "websocket");
  }

  /** heard waits for the broadcast total-1 and checks that all from first on came, each once and in order. */
  async heard(total, first = 0) {
    await until(() => this.news.at(-1) === total - 1, `the broadcast ${total - 1} came`, long);
    equal(this.news, numbered(total).slice(first), "broadcasts");
  }
}

/** broadcast casts the news 0 to total-1 to the namespace: a third at once, a third until all() is true, then the rest. cast is told of each. */
export async function broadcast(t, nsp, total, all, cast = () => {}) {
  let next = 0;
  const send = async (upTo, step) => {
    while (next < upTo) {
      await Promise.all(
        numbered(Math.min(step, upTo - next)).map(() => {
          cast(next + 1);
          return t.control("cast", nsp, {}, "news", next++);
        }),
      );
    }
  };
  await send(Math.floor(total / 3), 20);
  while (next < (2 * total) / 3 && !all()) {
    await send(next + 5, 5);
    await pause(2);
  }
  await until(all, "all have upgraded", long);
  await send(total, 20);
}
