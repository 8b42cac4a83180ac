// An encoding of packets of our own, for servers and clients alike: a JSON object as text, in which {"$":n} stands for the
// n-th of the binary messages behind it, as many as its member "buffers" says. ../../server/parcels.go is its twin.

import { EventEmitter } from "node:events";
import { asBytes } from "./check.mjs";

class Encoder {
  encode({ type, nsp, id, data }) {
    const buffers = [];
    const apart = (v) => {
      const bytes = asBytes(v);
      if (bytes) return { $: buffers.push(Buffer.from(bytes)) - 1 };
      if (Array.isArray(v)) return v.map(apart);
      if (v && typeof v === "object" && !v.toJSON) return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, apart(x)]));
      return v;
    };
    data = apart(data);
    return [JSON.stringify({ type, nsp, id, data, buffers: buffers.length || undefined }), ...buffers];
  }
}

class Decoder extends EventEmitter {
  #packet;
  #buffers = [];

  add(message) {
    if (typeof message === "string") {
      if (this.#packet) throw new Error("a packet within a packet");
      this.#packet = JSON.parse(message);
    } else if (this.#packet) {
      this.#buffers.push(message);
    } else {
      throw new Error("a buffer of no packet");
    }
    if (this.#buffers.length < (this.#packet.buffers ?? 0)) return;
    const { buffers: _, data, ...packet } = this.#packet;
    const parts = this.#buffers;
    this.destroy();
    const together = (v) => {
      if (Array.isArray(v)) return v.map(together);
      if (v && typeof v === "object") return "$" in v ? parts[v.$] : Object.fromEntries(Object.entries(v).map(([k, x]) => [k, together(x)]));
      return v;
    };
    this.emit("decoded", { ...packet, data: together(data) });
  }

  destroy() {
    this.#packet = undefined;
    this.#buffers = [];
  }
}

export default { Encoder, Decoder };
