// Holds a client's WebSocket back, so that its upgrade falls where a case wants it. Node only; a page has its own in page.mjs.

import { Agent } from "node:http";
import { connect } from "node:net";

/** A Gate is an agent whose connections are made once it is open. */
class Gate extends Agent {
  opened = new Promise((resolve) => (this.open = resolve));

  createConnection(options, done) {
    this.opened.then(() => done(null, connect(options)));
  }
}

/** gate is a shut gate: the options of a client that is to wait behind it, and open(). */
export function gate() {
  const agent = new Gate();
  return { opts: { transportOptions: { websocket: { agent } } }, open: agent.open };
}
