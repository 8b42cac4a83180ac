// A TCP tunnel to the server under test, which can be cut, frozen and closed to newcomers.

import { connect, createServer } from "node:net";

export class Tunnel {
  #pairs = new Set(); // [client's end, server's end]
  #shut = false;
  #still = false;
  #held = new Set(); // newcomers while it is still

  /** open is a tunnel to the port, at its url. */
  static async open(port) {
    const tunnel = new Tunnel();
    const listener = createServer((near) => tunnel.#join(near, port));
    tunnel.listener = listener;
    await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
    tunnel.url = `http://127.0.0.1:${listener.address().port}`;
    return tunnel;
  }

  #join(near, port) {
    near.on("error", () => {});
    if (this.#shut) return near.destroy();
    if (this.#still) return this.#held.add(near.resume());
    const far = connect(port, "127.0.0.1");
    const pair = [near, far];
    this.#pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const [end, other] of [pair, [far, near]]) {
      end.setNoDelay(true);
      end.on("error", () => other.destroy());
      end.on("close", () => {
        if (!pair.frozen) other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  /** cut ends all connections, on both sides. */
  cut() {
    for (const pair of this.#pairs) pair.forEach((end) => end.destroy());
  }

  /**
   * freeze has nothing pass any more on the connections that are there, in either direction; neither side
   * is told, not even when the other one ends. Newcomers are not answered until shut, or thaw.
   */
  freeze() {
    this.#still = true;
    for (const pair of this.#pairs) {
      const [near, far] = pair;
      pair.frozen = true;
      near.unpipe(far);
      far.unpipe(near);
      pair.forEach((end) => end.resume()); // read, and dropped
    }
  }

  /** thaw lets newcomers pass again; what was frozen stays so. */
  thaw() {
    this.#still = false;
    this.#held.forEach((near) => near.destroy());
    this.#held.clear();
  }

  /** shut turns newcomers away, until admit. */
  shut() {
    this.#shut = true;
    this.thaw();
  }

  admit() {
    this.#shut = false;
  }

  close() {
    this.shut();
    this.listener.close();
    this.cut();
  }
}
