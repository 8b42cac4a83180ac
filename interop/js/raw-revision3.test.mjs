// Clients of before 2020 on the wire, and JSONP: rows H35-H37, L02, L03, and what C01, C02, C10, C11 and H24 say of them.

import { equal, match, ok } from "./lib/check.mjs";
import { engine, http, Wire } from "./lib/raw.mjs";
import { raw } from "./lib/suite.mjs";

const old = (transport, more) => engine(transport, { EIO: "3", ...more });

/** text is a payload of packets, as JavaScript counts them. */
const text = (...packets) => packets.map((p) => `${p.length}:${p}`).join("");

/** binary is a binary payload of texts and Buffers. */
const binary = (...packets) =>
  Buffer.concat(
    packets.flatMap((p) => {
      const data = Buffer.isBuffer(p) ? Buffer.concat([Buffer.from([4]), p]) : Buffer.from(p);
      return [Buffer.from([Buffer.isBuffer(p) ? 1 : 0, ...[...String(data.length)].map(Number), 255]), data];
    }),
  );

const types = { text: "text/plain; charset=UTF-8", binary: "application/octet-stream" };

/** An OldPoller is one session of revision 3 on polling; its socket in "/" has the id sid. */
class OldPoller {
  static async open(server, more) {
    const res = await http(server, { query: old("polling", more) });
    equal([res.status, res.headers["content-type"]], [200, types.text]);
    const [, length, open] = res.text.match(/^(\d+):0(.*)$/);
    equal(Number(length), open.length + 1, "the open packet's length, and no other packet");
    const poller = Object.assign(new OldPoller(), { server, more, handshake: JSON.parse(open) });
    poller.sid = poller.handshake.sid;
    equal((await poller.get()).text, "2:40", 'what says that "/" was joined');
    return poller;
  }

  get(q) {
    return http(this.server, { query: q ?? old("polling", { sid: this.sid }) });
  }

  post(body, type = types.text) {
    return http(this.server, { method: "POST", query: old("polling", { sid: this.sid }), body, headers: { "content-type": type } });
  }

  async say(body, type) {
    const res = await this.post(body, type);
    equal([res.status, res.text, res.headers["content-type"]], [200, "ok", "text/html"], "answer to POST");
  }
}

async function startOld(server, more) {
  const w = await Wire.start(server, { EIO: "3", ...more });
  await w.expect("40");
  return w;
}

const placeholder = '{"_placeholder":true,"num":0}';

const cases = [
  {
    name: "H37 C01: the open packet travels alone, then / is joined unasked",
    async run(server) {
      const { handshake } = await OldPoller.open(server);
      equal(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
      (await startOld(server)).close();
    },
  },
  {
    name: "H37: without EIO, and with others than 4",
    async run(server) {
      for (const EIO of [undefined, "", "2", "44", "04", "4.0"]) {
        const res = await http(server, { query: engine("polling", { EIO }) });
        equal(res.status, 200, String(EIO));
        match(res.text, /^\d+:0\{/);
      }
    },
  },
  {
    name: "H12 H37: a request of the other revision is refused",
    async run(server) {
      const poller = await OldPoller.open(server);
      const res = await poller.get(engine("polling", { sid: poller.sid }));
      equal([res.status, res.json], [400, { code: 3, message: "Bad request" }]);
      await poller.say(text('42["echo",1]'));
      equal((await poller.get(engine("polling", { EIO: undefined, sid: poller.sid }))).text, text('42["echo",1]'));
    },
  },
  {
    name: "H20: OPTIONS is what it was",
    async run(server) {
      const res = await http(server, { method: "OPTIONS", query: old("polling") });
      equal([res.status, res.json.code], [400, 2]);
    },
  },
  {
    name: "H24 H37: lengths are those of UTF-16",
    async run(server) {
      const poller = await OldPoller.open(server);
      const packets = ['42["echo","é€"]', '42["echo","😀"]', '420["echo","z"]'];
      await poller.say(text(...packets));
      let answer = "";
      while (answer.length < text(packets[0], packets[1], '430["z"]').length) answer += (await poller.get()).text;
      equal(answer, text(packets[0], packets[1], '430["z"]'));
    },
  },
  {
    name: "H24 H37: binary payloads",
    async run(server) {
      const poller = await OldPoller.open(server);
      const event = `451-["echo",${placeholder},"é"]`;
      const body = binary(event, Buffer.from([1, 2, 255]));
      await poller.say(body, types.binary);
      const res = await poller.get();
      equal([res.headers["content-type"], res.body.equals(body)], [types.binary, true], res.body.toString("latin1"));
      await poller.say(text(event, "b4AQL/"));
      ok((await poller.get()).body.equals(body), "the answer to base64");
    },
  },
  {
    name: "H34 H37: a payload that is none ends the session",
    async run(server, t) {
      for (const body of ["", "1", "9:42", "a:42", "1:7"]) {
        const poller = await OldPoller.open(server);
        await poller.post(body).catch(() => {}); // the reference server hangs up
        equal((await poller.get()).json.code, 1, body);
        equal((await t.gone(poller.sid)).reason, "parse error", body);
      }
    },
  },
  {
    name: "H35: b64 over polling, as the handshake has it",
    async run(server) {
      const poller = await OldPoller.open(server, { b64: "1" });
      const packets = [`451-["echo",${placeholder}]`, "b4AQL/"];
      await poller.say(text(...packets));
      const res = await poller.get();
      equal([res.headers["content-type"], res.text], [types.text, text(...packets)]);
    },
  },
  {
    name: "H35 H37: binary on a WebSocket has its type in front",
    async run(server) {
      const event = `451-["echo",${placeholder}]`;
      const w = await startOld(server);
      w.send(event, Buffer.from([4, 1, 2]));
      await w.expect(event, Buffer.from([4, 1, 2]));
      w.send(event, "b4AQI=");
      await w.expect(event, Buffer.from([4, 1, 2]));
      w.close();
      const b64 = await startOld(server, { b64: "1" });
      b64.send(event, Buffer.from([4, 1, 2]));
      await b64.expect(event, "b4AQI=");
      b64.close();
    },
  },
  {
    name: "L05: upgrade",
    async run(server) {
      const poller = await OldPoller.open(server);
      const w = await Wire.open(server, { EIO: "3", sid: poller.sid });
      w.send("2probe");
      await w.expect("3probe");
      equal((await poller.get()).text, "1:6", "the poll that is let go");
      w.send("5", '42["echo",1]', "2");
      equal([await w.next(), await w.next()].sort(), ["3", '42["echo",1]']);
      w.close();
    },
  },
  {
    name: "L02: the client pings; nothing is echoed",
    async run(server) {
      const poller = await OldPoller.open(server);
      await poller.say("1:2");
      equal((await poller.get()).text, "1:3");
      await poller.say("5:2more");
      equal((await poller.get()).text, "1:3");
      const w = await startOld(server);
      w.send("2");
      await w.expect("3");
      w.close();
    },
  },
  {
    name: "L03: a pong ends the session, transport error",
    async run(server, t) {
      const w = await startOld(server);
      w.send("3");
      await w.end();
      equal((await t.gone(w.sid)).reason, "transport error");
    },
  },
  {
    name: "C01 C10 C11: the query of a namespace is the auth, and ids are the connection's",
    async run(server) {
      const w = await startOld(server, { tag: "main" });
      w.send('420["handshake"]', '421["about"]');
      const answers = [await w.next(), await w.next()].sort().map((p) => JSON.parse(p.slice(3))[0]);
      equal([answers[0].auth, answers[0].query.tag, answers[1].id, answers[1].protocol], [{}, "main", w.sid, 3]);

      w.send("40/auth?token=bad&token=good&x=%C3%A9+%26");
      await w.expect("40/auth,");
      w.send('42/auth,2["handshake"]', '42/auth?token=none,3["about"]');
      const [of, about] = [await w.next(), await w.next()].sort().map((p) => JSON.parse(p.slice("43/auth,2".length))[0]);
      equal([of.auth, of.query.tag], [{ token: "good", x: "é &" }, "main"]);
      equal([about.id, about.nsp], [`/auth#${w.sid}`, "/auth"]);
      w.send("41/auth");
      w.send("40/static");
      await w.expect("40/static,");
      w.close();
    },
  },
  {
    name: "C02: refusals are the data, or the message",
    async run(server) {
      const w = await startOld(server);
      w.send("40/auth");
      await w.expect('44/auth,"no token"');
      w.send("40/auth?token=x");
      await w.expect('44/auth,{"code":401,"seen":"x","hints":["ask",{"again":true}]}');
      w.send("40/none?a=b");
      await w.expect('44/none,{"message":"Invalid namespace"}');
      w.close();
    },
  },
];

const jsonp = (index, payload) => `___eio[${index}](${JSON.stringify(payload).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")});`;

const jsonpCases = [
  {
    name: "H36: scripts and forms",
    async run(server) {
      for (const [EIO, join] of [
        ["4", (...packets) => packets.join("\x1e")],
        ["3", text],
      ]) {
        const opened = await http(server, { query: engine("polling", { EIO, j: "0x1" }) });
        equal([opened.status, opened.headers["content-type"], opened.headers["x-xss-protection"]], [200, types.text, undefined]);
        const sid = opened.text.match(/\\"sid\\":\\"(.*?)\\"/)[1];
        ok(opened.text.startsWith("___eio[01](") && opened.text.endsWith(");"), opened.text);
        const query = engine("polling", { EIO, sid, j: "5" });
        const post = async (payload, more = {}) => {
          const d = payload.replaceAll("\\n", "\\\\n").replaceAll("\n", "\\n");
          const res = await http(server, { method: "POST", query, body: new URLSearchParams({ d, ...more }).toString() });
          equal([res.status, res.text], [200, "ok"]);
        };
        if (EIO === "4") await post(join("40"));
        match((await http(server, { query })).text, /^___eio\[01\]\(".*40.*"\);$/);
        const event = '42["echo","é😀\u2028\u2029 </script> a\\nb\\\\nc"]';
        await post(join(event), { other: "1" });
        equal((await http(server, { query, headers: { "user-agent": "x Trident/7.0" } })).text, jsonp("01", join(event)));
        const mark = EIO === "4" ? "b" : "b4";
        const attached = [`451-["echo",${placeholder}]`, `${mark}AQL/`];
        await post(join(...attached));
        const res = await http(server, { query: { ...query, b64: "1" }, headers: { "user-agent": "x;MSIE 8" } });
        equal(res.headers["x-xss-protection"], "0");
        if (EIO === "4") equal(res.text, jsonp("01", join(...attached)));
      }
    },
  },
  {
    name: "H36: a form without the field changes nothing",
    async run(server) {
      const opened = await http(server, { query: engine("polling", { j: "" }) });
      ok(opened.text.startsWith("___eio[]("), opened.text);
      const sid = opened.text.match(/\\"sid\\":\\"(.*?)\\"/)[1];
      const query = engine("polling", { sid });
      equal((await http(server, { method: "POST", query, body: "x=40" })).status, 200);
      equal((await http(server, { method: "POST", query, body: "d=40" })).status, 200);
      match((await http(server, { query })).text, /^___eio\[\]\("40\{/);
    },
  },
];

raw("raw revision 3", cases, { flags: ["--allow-eio3"] });

raw("raw JSONP", jsonpCases, { flags: ["--allow-eio3"] });

raw(
  "raw revision 3, heartbeat",
  [
    {
      name: "L02: silence ends the session after interval and timeout; the server does not ping",
      async run(server, t) {
        const w = await startOld(server);
        const begun = Date.now();
        w.send('42["echo",1]');
        await w.expect('42["echo",1]');
        await w.end(5000);
        const took = Date.now() - begun;
        ok(took >= 950 && took < 3000, `${took} ms`);
        equal((await t.gone(w.sid)).reason, "ping timeout");
      },
    },
  ],
  { flags: ["--allow-eio3", "--ping-interval", "600", "--ping-timeout", "400"] },
);
