// Runs in a frame of a page: some clients of a crowd, led from outside.

import { failure, numbered } from "./check.mjs";
import { Session } from "./session.mjs";
import { Talker } from "./talker.mjs";

// The connection of a WebSocket in a page cannot be held back: its probe is.
const gates = new Map();
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (data) {
  const opened = data === "2probe" && gates.get(new URL(this.url).searchParams.get("gate"));
  if (opened) opened.then(() => send.call(this, data));
  else send.call(this, data);
};

function gate() {
  const name = String(gates.size);
  let open;
  gates.set(name, new Promise((resolve) => (open = resolve)));
  return { opts: { query: { gate: name } }, open };
}

let talkers;
const steps = {
  open(nsp, size, held) {
    const session = new Session({ client: window.io, url: location.origin, mode: "upgrade", gate });
    talkers = numbered(size).map((i) => new Talker(session, nsp, held + i));
    return talkers.map((talker) => talker.connected());
  },
  talk: (n) => talkers.map((talker) => talker.talk(n, window.upgraded)),
  heard: (total) => talkers.map((talker) => talker.heard(total)),
};

/** crowd takes a step with all clients of this frame, and is null or what went wrong. */
window.crowd = (step, ...args) => failure(() => Promise.all(steps[step](...args)));
