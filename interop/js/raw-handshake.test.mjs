// The HTTP side of Engine.IO: handshakes, refusals, their order, hooks. Rows H01-H17, H22, H38-H40.

import { randomBytes } from "node:crypto";
import { canonical, equal, match, ok, oneOf, rejects } from "./lib/check.mjs";
import { alive, engine, http, parseHead, Poller, separator, upgradeRequest, wire, Wire } from "./lib/raw.mjs";
import { raw, target } from "./lib/suite.mjs";

const polling = (more) => engine("polling", more);
const messages = ["Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version"];
const nobody = "AAAAAAAAAAAAAAAAAAAA";

/** refused checks an HTTP answer with an Engine.IO error. */
function refused(res, code, message = messages[code]) {
  equal([res.status, res.text], [code === 4 ? 403 : 400, JSON.stringify({ code, message })]);
  equal(res.headers["content-type"], "application/json");
}

/** refusedUpgrade checks the raw answer to an Upgrade request. */
function refusedUpgrade(text, message) {
  const head = parseHead(text);
  equal([head.line, head.body], ["HTTP/1.1 400 Bad Request", message]);
  // RFC 9110 section 6.6.1 wants a Date, which the reference leaves out; there, nothing of middlewares is in it either.
  const { date, "x-app-middleware": stamp, ...headers } = head.headers;
  equal(headers, { connection: "close", "content-type": "text/html", "content-length": String(message.length) });
}

const cases = [
  {
    name: "H01: the path is a prefix of the raw URL, with its slash",
    async run(server) {
      for (const path of ["/socket.io/", "/socket.io/default/", "/socket.io/a/b"]) {
        equal((await http(server, { path, query: polling() })).status, 200, path);
      }
      for (const path of ["/socket.io", "/socket.iox/", "/", "/engine.io/", "/SOCKET.IO/"]) {
        equal((await http(server, { path, query: polling() })).status, 404, path);
      }
    },
  },
  {
    name: "H02: query: percent and plus decoded, the last of a repeated key wins, unknown keys kept",
    async run(server) {
      const q = "EIO=3&EI%4F=4&transport=nope&transport=%70olling&a=1+2&b=%C3%A9%26&a=3+4&flag&empty=";
      const res = await http(server, { query: q });
      equal(res.status, 200);
      const poller = Object.assign(new Poller(), { server, sid: JSON.parse(res.text.slice(1)).sid });
      await poller.connect();
      await poller.say('420["handshake"]');
      const [ack] = await poller.hear();
      const { query } = JSON.parse(ack.slice(3))[0];
      equal(query, { EIO: "4", transport: "polling", a: "3 4", b: "é&", flag: "", empty: "" });
    },
  },
  {
    name: "H03 H04 H05 H24: the open packet: five keys in order, sid of 20 characters, default values",
    async run(server) {
      const res = await http(server, { query: polling() });
      match(
        res.text,
        /^0\{"sid":"[A-Za-z0-9_-]{20}","upgrades":\["websocket"\],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000\}$/,
        "open packet",
      );
      equal([res.status, res.headers["content-type"]], [200, "text/plain; charset=UTF-8"]);
      equal(res.headers["content-length"], String(res.body.length));
    },
  },
  {
    name: "H04: 500 session ids, all different in every part but few characters",
    async run(server) {
      const ids = [];
      for (let i = 0; i < 50; i++) {
        const ten = await Promise.all(Array.from({ length: 10 }, () => http(server, { query: polling() })));
        ids.push(...ten.map((res) => JSON.parse(res.text.slice(1)).sid));
      }
      equal(new Set(ids).size, 500);
      equal(new Set(ids.map((id) => id.slice(0, 12))).size, 500, "first 12 characters");
    },
  },
  {
    name: "H04 C01: the Socket.IO id is not the session id",
    async run(server) {
      const poller = await Poller.join(server);
      match(poller.id, /^[A-Za-z0-9_-]{20}$/);
      ok(poller.id !== poller.sid, "one id for both");
      refused(await http(server, { query: polling({ sid: poller.id }) }), 1);
    },
  },
  {
    name: "H05 T01 H03: the open packet on a websocket offers no upgrades",
    async run(server) {
      const w = await Wire.start(server);
      equal(Object.keys(w.handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
      equal(w.handshake.upgrades, []);
      w.close();
    },
  },
  {
    name: "H06 H10: unknown transports: code 0",
    async run(server) {
      for (const transport of ["", "nope", "constructor", "__proto__", "webtransport", "Polling", "polling ", "toString"]) {
        refused(await http(server, { query: engine(transport) }), 0);
      }
      refused(await http(server, { query: { EIO: "4" } }), 0);
      refused(await http(server), 0);
    },
  },
  {
    name: "H06 H11: unknown sid: code 1, whatever the method",
    async run(server) {
      for (const method of ["GET", "POST", "PUT", "DELETE"]) {
        refused(await http(server, { method, query: polling({ sid: nobody }) }), 1);
      }
      for (const sid of ["x", "__proto__", "constructor", "toString", "x".repeat(2000), "é"]) {
        refused(await http(server, { query: polling({ sid }) }), 1);
      }
    },
  },
  {
    name: "H11: an empty sid is no sid: a handshake",
    async run(server) {
      equal((await http(server, { query: polling({ sid: "" }) })).text[0], "0");
    },
  },
  {
    name: "H12 H17: known sid, other transport, no Upgrade: code 3, the session lives on",
    async run(server, t) {
      const mark = t.name("mark");
      const poller = await Poller.join(server);
      refused(await http(server, { query: engine("websocket", { sid: poller.sid, mark }) }), 3);
      await alive(poller);
      const w = await Wire.join(server);
      refused(await http(server, { query: polling({ sid: w.sid, mark }) }), 3);
      refused(await http(server, { method: "POST", query: polling({ sid: w.sid, mark }), body: "42" }), 3);
      await alive(w);
      w.close();
      const context = (transport, previousTransport) => ({ name: "TRANSPORT_MISMATCH", transport, previousTransport });
      equal(await t.control("errors", mark), [
        { code: 3, message: "Bad request", context: context("websocket", "polling") },
        { code: 3, message: "Bad request", context: context("polling", "websocket") },
        { code: 3, message: "Bad request", context: context("polling", "websocket") },
      ]);
    },
  },
  {
    name: "H06 H13: handshakes by other methods than GET: code 2",
    async run(server) {
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) refused(await http(server, { method, query: polling() }), 2);
      const head = await http(server, { method: "HEAD", query: polling() });
      equal([head.status, head.text], [400, ""], "HEAD");
    },
  },
  {
    name: "H13: other methods with a valid sid: refused without a body, the session lives on",
    async run(server) {
      const poller = await Poller.join(server);
      for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
        const res = await http(server, { method, query: polling({ sid: poller.sid }) });
        if (target === "reference") equal([res.status, res.text], [500, ""], method);
        else equal([res.status, res.text, res.headers.allow], [405, "", "GET, POST"], method);
      }
      await alive(poller);
    },
  },
  {
    name: "H14 H17: websocket without Upgrade: code 3",
    async run(server, t) {
      const mark = t.name("mark");
      refused(await http(server, { query: engine("websocket", { mark }) }), 3);
      equal(await t.control("errors", mark), [{ code: 3, message: "Bad request", context: { name: "TRANSPORT_HANDSHAKE_ERROR" } }]);
    },
  },
  {
    name: "H15: control characters in Origin: 400, no session; other bytes are let through",
    async run(server) {
      const head = (origin) => `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: ${origin}\r\n\r\n`;
      for (const origin of ["http://a\x01b", "http://\x7f", "\x00"]) {
        const { status, body } = parseHead(await wire(server, Buffer.from(head(origin), "latin1")));
        equal(status, 400, canonical(origin));
        ok(!body.includes("sid"), "a session was made");
      }
      for (const origin of ["null", "http://a\xe9", "a\tb", "file://"]) {
        equal(parseHead(await wire(server, Buffer.from(head(origin), "latin1"))).status, 200, canonical(origin));
      }
    },
  },
  {
    name: "H06 H07 H16: allowRequest: own text or Forbidden, code 4, status 403",
    async run(server) {
      refused(await http(server, { query: polling({ deny: "go away" }) }), 4, "go away");
      refused(await http(server, { query: polling({ deny: "" }) }), 4);
      refused(await http(server, { query: polling({ deny: 'quotes " and \\ é' }) }), 4, 'quotes " and \\ é');
    },
  },
  {
    name: "H16: allowRequest is asked for handshakes only",
    async run(server) {
      const poller = await Poller.open(server);
      await poller.say("40");
      equal((await poller.get({ query: polling({ sid: poller.sid, deny: "late" }) })).status, 200);
      const probe = await Wire.open(server, { sid: poller.sid, deny: "late" });
      probe.send("2probe");
      await probe.expect("3probe");
      probe.close();
    },
  },
  {
    name: "H06: EIO other than 4, or none: code 5",
    async run(server) {
      for (const EIO of ["3", "5", "", "04", "4.0", "four"]) refused(await http(server, { query: { EIO, transport: "polling" } }), 5);
      refused(await http(server, { query: { transport: "polling" } }), 5);
    },
  },
  {
    name: "H08: refused Upgrade requests: a plain 400 with the message, then the end of the connection",
    async run(server) {
      refusedUpgrade(await wire(server, upgradeRequest(engine("nope"))), messages[0]);
      refusedUpgrade(await wire(server, upgradeRequest(engine("websocket", { sid: nobody }))), messages[1]);
      refusedUpgrade(await wire(server, upgradeRequest(engine("websocket", { deny: "" }))), messages[4]);
      refusedUpgrade(await wire(server, upgradeRequest(engine("websocket", { deny: "members only" }))), "members only");
    },
  },
  {
    name: "H08 H37: bad EIO on an Upgrade request",
    async run(server) {
      const text = await wire(server, upgradeRequest({ EIO: "3", transport: "websocket" }));
      // reference: 101 first, then HTTP inside the WebSocket. sio: refused before the 101.
      if (target === "reference") {
        const { status, body } = parseHead(text);
        equal(status, 101);
        refusedUpgrade(body, messages[5]);
      } else {
        refusedUpgrade(text, messages[5]);
      }
    },
  },
  {
    name: "H09: order of the checks",
    async run(server) {
      const poller = await Poller.join(server);
      const { sid } = poller;
      for (const [what, method, q, code] of [
        ["transport before sid", "GET", engine("nope", { sid: nobody }), 0],
        ["transport before method", "POST", engine("nope"), 0],
        ["transport before allowRequest and EIO", "GET", { EIO: "3", transport: "nope", deny: "x" }, 0],
        ["sid before mismatch", "GET", engine("websocket", { sid: nobody }), 1],
        ["sid before EIO", "GET", { EIO: "3", transport: "polling", sid: nobody }, 1],
        ["mismatch before method", "PUT", engine("websocket", { sid }), 3],
        ["method before Upgrade", "POST", engine("websocket"), 2],
        ["method before allowRequest", "POST", polling({ deny: "x" }), 2],
        ["method before EIO", "POST", { EIO: "3", transport: "polling" }, 2],
        ["Upgrade before allowRequest", "GET", engine("websocket", { deny: "x" }), 3],
        ["Upgrade before EIO", "GET", { EIO: "3", transport: "websocket" }, 3],
        ["allowRequest before EIO", "GET", { EIO: "3", transport: "polling", deny: "" }, 4],
      ]) {
        const res = await http(server, { method, query: q });
        equal([what, res.json.code], [what, code]);
      }
      await alive(poller);
    },
  },
  {
    name: "H12: a request with a known sid and another EIO: code 3, the session lives on",
    async run(server) {
      const poller = await Poller.join(server);
      refused(await http(server, { query: { EIO: "3", transport: "polling", sid: poller.sid } }), 3);
      await alive(poller);
    },
  },
  {
    name: "H17: connection_error tells code, message and what was wrong",
    async run(server, t) {
      const mark = t.name("mark");
      await http(server, { query: engine("nope", { mark }) });
      await http(server, { query: polling({ sid: nobody, mark }) });
      await http(server, { method: "PUT", query: polling({ mark }) });
      await http(server, { query: polling({ deny: "no", mark }) });
      await http(server, { query: { EIO: "3", transport: "polling", mark } });
      await wire(server, upgradeRequest(engine("websocket", { sid: nobody, mark })));
      equal(await t.control("errors", mark), [
        { code: 0, message: messages[0], context: { transport: "nope" } },
        { code: 1, message: messages[1], context: { sid: nobody } },
        { code: 2, message: messages[2], context: { method: "PUT" } },
        { code: 4, message: messages[4], context: { message: "no" } },
        { code: 5, message: messages[5], context: { protocol: 3 } },
        { code: 1, message: messages[1], context: { sid: nobody } },
      ]);
    },
  },
  {
    name: "H22 H24: headers of the application: once per session, and on every response",
    async run(server) {
      const seen = ({ headers }) => [headers["x-app-initial"], headers["x-app-every"]];
      const open = await http(server, { query: polling() });
      equal(seen(open), ["1", "1"], "handshake");
      const poller = Object.assign(new Poller(), { server, sid: JSON.parse(open.text.slice(1)).sid });
      equal(seen(await poller.post("40")), [undefined, "1"], "POST");
      equal(seen(await poller.get()), [undefined, "1"], "GET");
      const probe = await Wire.open(server, { sid: poller.sid });
      equal(seen(probe), [undefined, "1"], "101 of an upgrade");
      probe.close();
      const w = await Wire.open(server);
      equal(seen(w), ["1", "1"], "101 of a new session");
      w.close();
    },
  },
  {
    name: "H40: paths that are nobody's: 404",
    async run(server) {
      for (const method of ["GET", "POST"]) equal((await http(server, { method, path: "/elsewhere" })).status, 404);
    },
  },
  {
    name: "H31: no compression without Accept-Encoding; the handshake is too small for it anyway",
    async run(server) {
      const res = await http(server, { query: polling(), headers: { "accept-encoding": "gzip, deflate" } });
      equal(res.headers["content-encoding"], undefined);
    },
  },
];

raw("raw handshake", cases);

raw(
  "raw handshake, initial packet",
  [
    {
      name: "H38: the initial packet comes right behind the open packet, polling",
      async run(server) {
        const poller = await Poller.open(server);
        equal(poller.rest, ["4hello there"]);
        equal((await http(server, { query: polling() })).text.split(separator).length, 2);
      },
    },
    {
      name: "H38: the initial packet comes right behind the open packet, websocket",
      async run(server) {
        const w = await Wire.start(server);
        await w.expect("4hello there");
        w.close();
      },
    },
  ],
  { flags: ["--initial-packet", "hello there"] },
);

raw(
  "raw handshake, own ids",
  [
    {
      name: "H39: ids of the application, on both transports",
      async run(server) {
        equal((await Poller.open(server, { id: "my-own-id" })).sid, "my-own-id");
        const w = await Wire.start(server, { id: "another_id" });
        equal(w.sid, "another_id");
        w.send("40");
        match(await w.next(), /^40\{"sid":"[A-Za-z0-9_-]{20}"\}$/, "CONNECT");
        w.close();
      },
    },
    {
      name: "H39: ids of the application that look like the server's own, 512 at once",
      async run(server) {
        const ids = Array.from({ length: 512 }, (_, i) => Buffer.from([i, ...randomBytes(14)]).toString("base64url"));
        for (let i = 0; i < ids.length; i += 16) {
          await Promise.all(
            ids.slice(i, i + 16).map(async (id) => {
              const poller = await Poller.open(server, { id });
              equal(poller.sid, id);
              await poller.connect();
            }),
          );
        }
      },
    },
    {
      name: "H39 H17: a generator that fails: code 3",
      async run(server, t) {
        const mark = t.name("mark");
        refused(await http(server, { query: polling({ id: "fail", mark }) }), 3);
        refused(await http(server, { query: { EIO: "3", transport: "polling", id: "fail", mark } }), 5);
        const err = await rejects(Wire.start(server, { id: "fail", mark }));
        ok(err instanceof Error, "a WebSocket without an id");
        equal(
          (await t.control("errors", mark)).map((e) => [e.code, e.context.name]),
          [[3, "ID_GENERATION_ERROR"], [5, undefined], [3, "ID_GENERATION_ERROR"]],
        );
      },
    },
  ],
  { flags: ["--generate-id"] },
);

raw(
  "raw handshake, timings",
  [
    {
      name: "L04 H03: custom timings and limits are announced",
      async run(server) {
        const { handshake } = await Poller.open(server);
        const { sid, ...rest } = handshake;
        equal(rest, { upgrades: [], pingInterval: 3000, pingTimeout: 2000, maxPayload: 12345 });
      },
    },
  ],
  { flags: ["--ping-interval", "3000", "--ping-timeout", "2000", "--max-payload", "12345", "--no-upgrades"] },
);

raw(
  "raw handshake, websocket only",
  [
    {
      name: "H10: a transport that is switched off: code 0",
      async run(server) {
        refused(await http(server, { query: polling() }), 0);
        const w = await Wire.start(server);
        equal(w.handshake.upgrades, []);
        w.close();
      },
    },
  ],
  { flags: ["--transports", "websocket"] },
);

raw(
  "raw handshake, polling only",
  [
    {
      name: "H10 H05: websocket is switched off: no upgrade offered, code 0",
      async run(server) {
        const { handshake } = await Poller.open(server);
        equal(handshake.upgrades, []);
        refused(await http(server, { query: engine("websocket") }), 0);
      },
    },
  ],
  { flags: ["--transports", "polling"] },
);
