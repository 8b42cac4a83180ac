// Cases that only a page can show.

import { call, equal, next, ok } from "../lib/check.mjs";

const bytes = (...list) => new Uint8Array(list);

export default [
  {
    name: "K01 S02: a Blob and a File are sent as binary",
    async run(t) {
      const s = await t.open();
      const blob = new Blob([bytes(1, 2), "é"], { type: "image/png" });
      const file = new File(["abc"], "a.txt");
      const back = next(s, "echo");
      s.emit("echo", blob, { file });
      const [first, second] = await back;
      equal([first, second], [bytes(1, 2, 0xc3, 0xa9), { file: bytes(97, 98, 99) }]);
      ok(first instanceof ArrayBuffer, "binary arrives as an ArrayBuffer");
    },
  },
  {
    name: "K02: a Blob in an ack",
    async run(t) {
      const s = await t.open();
      s.on("question", (ack) => ack(new Blob(["xyz"])));
      equal(await call(s, "ask", 5000, "question"), { error: null, values: [bytes(120, 121, 122)] });
    },
  },
  {
    name: "C1: the page's origin and headers reach the handshake",
    async run(t) {
      const s = await t.open("/", { extraHeaders: { "x-extra": "1" } });
      const { headers } = await call(s, "handshake");
      equal(headers["user-agent"], navigator.userAgent);
      equal(headers["x-extra"], t.mode === "websocket" ? undefined : "1", "extraHeaders need XHR");
      if (t.mode === "websocket") equal(headers.origin, location.origin);
    },
  },
  {
    name: "T02: protocols of the client are offered as subprotocols, the first is chosen",
    modes: ["websocket"],
    async run(t) {
      const s = await t.open("/", { protocols: ["game.v2", "game.v1"] });
      equal(s.io.engine.transport.ws.protocol, "game.v2");
      equal(await call(s, "echo", 1), 1);
    },
  },
  {
    name: "C1: forceBase64: binary as text",
    async run(t) {
      const s = await t.open("/", { forceBase64: true });
      equal(await call(s, "echo", bytes(1, 2, 3)), bytes(1, 2, 3));
    },
  },
];
