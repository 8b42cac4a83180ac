// The websocket transport on the wire: rows T01-T06, L12, and the heartbeat L01, L03.

import { equal, match, ok, oneOf, pause, until } from "./lib/check.mjs";
import { alive, engine, parseHead, Poller, upgradeRequest, wire, Wire } from "./lib/raw.mjs";
import { raw, target } from "./lib/suite.mjs";

raw("raw websocket", [
  {
    name: "T01 T05: direct websocket: the open packet is the first text frame",
    async run(server) {
      const w = await Wire.open(server);
      match(await w.next(), /^0\{"sid":"[A-Za-z0-9_-]{20}","upgrades":\[\],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000\}$/);
      w.close();
    },
  },
  {
    name: "T01: the 101 answer",
    async run(server) {
      const w = await Wire.open(server);
      equal([w.headers.upgrade?.toLowerCase(), w.headers.connection?.toLowerCase()], ["websocket", "upgrade"]);
      match(w.headers["sec-websocket-accept"], /^[A-Za-z0-9+/]{27}=$/);
      w.close();
    },
  },
  {
    name: "T02: of several subprotocols the first offered is chosen",
    async run(server) {
      const w = await Wire.start(server, {}, { protocols: ["game.v2", "game.v1"] });
      equal(w.socket.protocol, "game.v2");
      equal(w.headers["sec-websocket-protocol"], "game.v2");
      w.close();
      const none = await Wire.start(server);
      equal(none.headers["sec-websocket-protocol"], undefined);
      none.close();
    },
  },
  {
    name: "T03: permessage-deflate is off: an offer is not answered",
    async run(server) {
      const w = await Wire.start(server, {}, { perMessageDeflate: true });
      equal([w.headers["sec-websocket-extensions"], w.socket.extensions], [undefined, ""]);
      w.close();
    },
  },
  {
    name: "T05 S02: binary frames are message payloads as they are, both ways",
    async run(server) {
      const w = await Wire.join(server);
      const head = '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]';
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      w.send(head, all, Buffer.alloc(0));
      await w.expect(head, all, Buffer.alloc(0));
      w.close();
    },
  },
  {
    name: "T05: text that is base64 of binary is taken too",
    async run(server) {
      const w = await Wire.join(server);
      const head = '451-["echo",{"_placeholder":true,"num":0}]';
      w.send(head, "bAQID");
      await w.expect(head, Buffer.from([1, 2, 3]));
      w.close();
    },
  },
  {
    name: "T05: a control ping is answered with its payload, also between fragments",
    async run(server) {
      const w = await Wire.join(server);
      w.socket.ping("hello");
      await until(() => w.controls.includes("hello"), "a pong came");
      w.socket.send('42["echo"', { fin: false });
      w.socket.ping("between");
      w.socket.send(',"in two"]', { fin: true });
      await w.expect('42["echo","in two"]');
      await until(() => w.controls.includes("between"), "a pong came");
      w.close();
    },
  },
  {
    name: "T05: a message in many fragments, cut inside a character",
    async run(server) {
      const w = await Wire.join(server);
      const text = '42["echo","é€😀"]';
      const body = Buffer.from(text);
      body.forEach((byte, i) => w.socket.send(Buffer.from([byte]), { binary: false, fin: i === body.length - 1 }));
      await w.expect(text);
      w.close();
    },
  },
  {
    name: "T05 K11: invalid UTF-8 in text: close code 1007, transport error",
    async run(server, t) {
      const w = await Wire.join(server);
      w.socket.send(Buffer.from('42["echo","\xff"]', "latin1"), { binary: false });
      equal(await w.end(), 1007);
      equal((await t.gone(w.id)).reason, "transport error");
    },
  },
  {
    name: "L12 K11: a close frame of the client: transport close",
    async run(server, t) {
      const w = await Wire.join(server);
      w.socket.close(1000);
      equal(await w.end(), 1000, "the echoed code");
      equal((await t.gone(w.id)).reason, "transport close");
    },
  },
  {
    name: "L12 K11: the connection is cut: transport close",
    async run(server, t) {
      const w = await Wire.join(server);
      w.close();
      equal((await t.gone(w.id)).reason, "transport close");
    },
  },
  {
    name: "L12: a text 1 on a websocket: reference ignores it, sio closes at once",
    async run(server, t) {
      const w = await Wire.join(server);
      w.send("1");
      if (target === "reference") {
        await alive(w);
        w.close();
      } else {
        await w.end();
      }
      equal((await t.gone(w.id)).reason, "transport close");
    },
  },
  {
    name: "L03 K11: a ping of the client: transport error",
    async run(server, t) {
      const w = await Wire.join(server);
      w.send("2");
      await w.end();
      equal((await t.gone(w.id)).reason, "transport error");
    },
  },
  {
    name: "L03 K11: a ping of the client on polling: transport error",
    async run(server, t) {
      const poller = await Poller.join(server);
      const res = await poller.post("2");
      oneOf(res.status, [200, 400], "status of the POST");
      equal((await t.gone(poller.id)).reason, "transport error");
    },
  },
  {
    name: "L01: a pong that nobody asked for is harmless",
    async run(server) {
      const w = await Wire.join(server);
      w.send("3", "3probe");
      await alive(w);
      w.close();
    },
  },
  {
    name: "H34: packets that a client has no business to send are ignored: open, upgrade, noop",
    async run(server) {
      const w = await Wire.join(server);
      w.send("0", "5", "6", '0{"sid":"x"}');
      await alive(w);
      w.close();
    },
  },
  ...["9", "", "x", "\u00e9"].map((frame) => ({
    name: `H34 K11: ${JSON.stringify(frame)} on a websocket: parse error`,
    async run(server, t) {
      const w = await Wire.join(server);
      w.send(frame);
      await w.end();
      equal((await t.gone(w.id)).reason, "parse error");
    },
  })),
  {
    name: "L11 K12: server's close: DISCONNECT, then a close frame",
    async run(server, t) {
      const w = await Wire.join(server);
      w.send('42["disconnect.me",true]');
      await w.expect("41");
      oneOf(await w.end(), [1000, 1005], "close code");
      equal((await t.gone(w.id)).reason, "server namespace disconnect");
    },
  },
  {
    name: "T06 R08: volatile events to a client that does not read are dropped, others are not",
    async run(server, t) {
      const w = await Wire.join(server);
      w.socket.pause();
      w.send('421["burst",400,"fleeting",{"volatile":true,"pad":100000}]', '42["reply",{},"lasting"]', `422["join",["${t.name("burst")}"]]`);
      // Once it is in the room the burst has been made.
      await until(async () => (await t.control("fetch", "/", { to: [w.id] }))[0].rooms.length === 2, "the burst is made");
      w.socket.resume();
      const frames = [];
      do frames.push(await w.next());
      while (frames.at(-1) !== '42["lasting"]');
      const got = frames.filter((f) => f.startsWith('42["fleeting"')).map((f) => Number(/,(\d+),/.exec(f)[1]));
      ok(got.length < 400, "all of 40 MB were kept for a client that does not read");
      equal(got, [...got].sort((a, b) => a - b), "order of those that came");
      equal(frames.filter((f) => f === "431[]").length, 1, "the ack of the burst");
      w.close();
    },
  },
  {
    name: "H08 T01: upgrade requests that are no WebSocket handshake: no session",
    async run(server) {
      for (const [what, change] of [
        ["no key", (r) => r.replace(/Sec-WebSocket-Key:.*\r\n/, "")],
        ["short key", (r) => r.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")],
        ["version 12", (r) => r.replace("Version: 13", "Version: 12")],
        ["another protocol", (r) => r.replace("Upgrade: websocket", "Upgrade: h2c")],
      ]) {
        const { status } = parseHead(await wire(server, change(upgradeRequest(engine("websocket")))));
        oneOf(status, [400, 426], what);
      }
    },
  },
]);

raw(
  "raw websocket, limits",
  [
    {
      name: "T04: a message of exactly maxPayload is taken, text and binary",
      async run(server) {
        const w = await Wire.join(server);
        const text = `42["echo","${"x".repeat(1000 - '42["echo",""]'.length)}"]`;
        w.send(text);
        await w.expect(text);
        const head = '451-["echo",{"_placeholder":true,"num":0}]';
        w.send(head, Buffer.alloc(1000, 7));
        await w.expect(head, Buffer.alloc(1000, 7));
        w.close();
      },
    },
    ...[
      ["text", (w) => w.send("4" + "x".repeat(1000))],
      ["binary", (w) => w.send('451-["echo",{"_placeholder":true,"num":0}]', Buffer.alloc(1001))],
      [
        "fragments",
        (w) => {
          w.socket.send("4" + "x".repeat(600), { fin: false });
          w.socket.send("x".repeat(600), { fin: true });
        },
      ],
    ].map(([what, act]) => ({
      name: `T04 K11: one byte more, ${what}: close code 1009, transport error`,
      async run(server, t) {
        const w = await Wire.join(server);
        act(w);
        equal(await w.end(), 1009);
        equal((await t.gone(w.id)).reason, "transport error");
      },
    })),
  ],
  { flags: ["--max-payload", "1000"] },
);

raw(
  "raw heartbeat, answered",
  [
    {
      name: "L01: pings come again and again as long as they are answered",
      async run(server) {
        const w = await Wire.join(server);
        for (let i = 0; i < 3; i++) {
          await w.expect("2");
          w.send("3");
        }
        await alive(w);
        w.close();
      },
    },
    {
      name: "L01: pongs by POST keep a polling session",
      async run(server) {
        const poller = await Poller.join(server);
        for (let i = 0; i < 2; i++) {
          equal((await poller.get()).text, "2");
          await poller.say("3");
        }
        await alive(poller);
      },
    },
  ],
  { flags: ["--ping-interval", "1000"], concurrency: 2 },
);

raw(
  "raw heartbeat, not answered",
  [
    {
      name: "L01 K11: no pong: ping timeout, the websocket is closed",
      async run(server, t) {
        const w = await Wire.join(server);
        await w.expect("2");
        await w.end();
        equal((await t.gone(w.id)).reason, "ping timeout");
      },
    },
    {
      name: "L01 K11: other traffic does not stand for a pong",
      async run(server, t) {
        const w = await Wire.join(server);
        let ended = false;
        w.closed.then(() => (ended = true));
        while (!ended) {
          w.send('42["echo",1]');
          await w.next().catch(() => {});
          await pause(50);
        }
        equal((await t.gone(w.id)).reason, "ping timeout");
      },
    },
    {
      name: "L01 K11: no pong on polling: ping timeout, the pending GET ends, the sid is unknown",
      async run(server, t) {
        const poller = await Poller.join(server);
        equal((await poller.get()).text, "2");
        const last = await poller.get();
        oneOf([last.status, last.text], [[200, "1"]], "the GET that was pending at the end");
        equal((await t.gone(poller.id)).reason, "ping timeout");
        equal((await poller.get()).json.code, 1);
      },
    },
    {
      name: "L01 K11: a polling client that stops polling: ping timeout",
      async run(server, t) {
        const poller = await Poller.join(server);
        equal((await t.gone(poller.id)).reason, "ping timeout");
      },
    },
  ],
  { flags: ["--ping-interval", "1000", "--ping-timeout", "1500"], concurrency: 4 },
);
