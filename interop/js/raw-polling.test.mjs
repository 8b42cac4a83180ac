// The polling transport on the wire: rows H23-H34, and L11-L14 as far as polling goes.

import { gunzipSync, inflateSync } from "node:zlib";
import { equal, match, ok, oneOf, rejects, until } from "./lib/check.mjs";
import { alive, engine, handled, http, Poller, separator, wire } from "./lib/raw.mjs";
import { raw } from "./lib/suite.mjs";

const polling = (sid, more) => engine("polling", { sid, ...more });

/** forgotten checks that the server no longer knows the session. */
async function forgotten(poller) {
  const res = await poller.get();
  equal([res.status, res.json.code], [400, 1], "a GET with the sid of an ended session");
}

const cases = [
  {
    name: "H23 H24: headers of GET and POST answers",
    async run(server) {
      const poller = await Poller.open(server);
      const post = await poller.post("40");
      equal([post.status, post.text], [200, "ok"]);
      equal([post.headers["content-type"], post.headers["content-length"], post.headers["cache-control"]], ["text/html", "2", "no-store"]);
      const get = await poller.get();
      equal([get.headers["content-type"], get.headers["cache-control"]], ["text/plain; charset=UTF-8", "no-store"]);
      equal(get.headers["content-length"], String(get.body.length));
      equal(get.headers["x-xss-protection"], undefined);
    },
  },
  {
    name: "H23: X-XSS-Protection: 0 for old browsers, on GET and POST",
    async run(server) {
      for (const agent of ["Mozilla/4.0 (compatible;MSIE 8.0)", "Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0)"]) {
        const headers = { "user-agent": agent };
        const poller = await Poller.open(server, {}, headers);
        equal((await poller.post("40", { headers })).headers["x-xss-protection"], "0", "POST");
        equal((await poller.get({ headers })).headers["x-xss-protection"], "0", "GET");
      }
      const poller = await Poller.open(server);
      equal((await poller.post("40", { headers: { "user-agent": "MSIE" } })).headers["x-xss-protection"], undefined);
    },
  },
  {
    name: "H24: content types of the client's POST are not looked at, but for one",
    async run(server) {
      const poller = await Poller.join(server);
      for (const type of ["text/plain", "text/plain; charset=utf-8", "TEXT/PLAIN", "application/json", "application/x-www-form-urlencoded", ""]) {
        equal((await poller.post('42["echo",1]', { headers: { "content-type": type } })).status, 200, type);
        equal(await poller.hear(), ['42["echo",1]'], type);
      }
    },
  },
  {
    name: "H25 K11: octet-stream: 400, the session is closed, transport error",
    async run(server, t) {
      const poller = await Poller.join(server);
      equal((await poller.post("42", { headers: { "content-type": "application/octet-stream" } })).status, 400);
      await forgotten(poller);
      equal((await t.gone(poller.id)).reason, "transport error");
    },
  },
  {
    name: "H27 K11: two GETs at once: the second gets 400, the first is ended, transport error",
    async run(server, t) {
      const poller = await Poller.join(server);
      const gets = [poller.get(), poller.get()];
      const [a, b] = await Promise.all(gets);
      const second = a.status === 400 ? a : b;
      const first = a.status === 400 ? b : a;
      equal([second.status, second.text], [400, ""], "the one that came second");
      equal([first.status, first.text], [200, "1"], "the one that came first");
      await forgotten(poller);
      equal((await t.gone(poller.id)).reason, "transport error");
    },
  },
  {
    name: "H28 K11: two POSTs at once: the second gets 400, transport error",
    async run(server, t) {
      const poller = await Poller.join(server);
      let release;
      const hold = new Promise((resolve) => (release = resolve));
      const slow = poller.post(undefined, {
        pieces: (async function* () {
          yield '42["echo",';
          await hold;
          yield "1]";
        })(),
      });
      await until(async () => (await poller.post("42[\"echo\",2]")).status === 400, "the second POST came beside the first");
      release();
      oneOf(await slow.then((res) => res.status, () => "cut off"), [400, "cut off"], "the first POST");
      await forgotten(poller);
      equal((await t.gone(poller.id)).reason, "transport error");
    },
  },
  {
    name: "H29 K11: a GET that the client gives up: transport error",
    async run(server, t) {
      const poller = await Poller.join(server);
      const get = await poller.held();
      get.answer.abort();
      await rejects(get.answer);
      equal((await t.gone(poller.id)).reason, "transport error");
      await forgotten(poller);
    },
  },
  {
    name: "H29 K11: a POST that the client gives up: transport error",
    async run(server, t) {
      const poller = await Poller.join(server);
      const post = poller.post(undefined, {
        pieces: (async function* () {
          yield '42["echo",';
          await http(server, { path: "/elsewhere" });
          post.abort();
        })(),
      });
      await rejects(post);
      equal((await t.gone(poller.id)).reason, "transport error");
      await forgotten(poller);
    },
  },
  {
    name: "H30: chunked bodies, cut anywhere, also inside a character",
    async run(server) {
      const poller = await Poller.join(server);
      const text = '42["echo","é€😀"]';
      const body = Buffer.from(text);
      for (let cut = 1; cut < body.length; cut++) {
        equal((await poller.post(undefined, { pieces: [body.subarray(0, cut), body.subarray(cut)] })).status, 200);
        equal(await poller.hear(), [text], `cut at ${cut}`);
      }
      equal((await poller.post(undefined, { pieces: [...body].map((b) => Buffer.from([b])) })).status, 200);
      equal(await poller.hear(), [text], "byte by byte");
    },
  },
  {
    name: "H30: a body with Content-Length that comes in pieces",
    async run(server) {
      const poller = await Poller.join(server);
      const body = '42["echo","in pieces"]';
      const headers = { "content-length": String(body.length) };
      equal((await poller.post(undefined, { pieces: [...body], headers })).status, 200);
      equal(await poller.hear(), [body]);
    },
  },
  {
    name: "H32: one POST may hold many packets, one GET brings all that waits",
    async run(server, t) {
      const poller = await Poller.join(server);
      const packets = Array.from({ length: 100 }, (_, i) => `42["echo",${i}]`);
      await poller.say(...packets);
      const got = [];
      while (got.length < packets.length) got.push(...(await poller.hear()));
      equal(got, packets);
      const more = Array.from({ length: 20 }, (_, i) => `42["reply",{},"waits",${i}]`);
      for (const packet of more) await poller.say(packet); // no GET is pending meanwhile
      await poller.say('420["echo","last"]');
      const joined = await handled(poller, t);
      const res = await poller.get();
      equal(res.text.split(separator).filter((p) => p !== joined), [...more.map((_, i) => `42["waits",${i}]`), '430["last"]']);
    },
  },
  {
    name: "K09 K02: the answer to one POST does not overtake what the POST before it led to",
    async run(server) {
      const poller = await Poller.join(server);
      const events = Array.from({ length: 20 }, (_, i) => `42["reply",{},"n",${i}]`);
      // Many times: which loop has which request, and how far its handlers are, is chance.
      for (let round = 0; round < 100; round++) {
        await poller.say(...events);
        await poller.say('420["echo","last"]');
        const got = [];
        while (got.length < 21) got.push(...(await poller.hear()));
        equal(got, [...events.map((_, i) => `42["n",${i}]`), '430["last"]']);
      }
    },
  },
  {
    name: "H32: what is queued is not cut at maxPayload",
    async run(server) {
      const poller = await Poller.join(server);
      await poller.say('42["give","large"]', '42["give","large"]');
      let bytes = 0;
      while (bytes < 4_000_000) bytes += (await poller.hear()).reduce((n, p) => n + p.length, 0);
      equal(bytes, 2 * (2_000_000 + '42["given",""]'.length));
    },
  },
  {
    name: "H33 S02: binary is b and base64 of the standard alphabet, both ways",
    async run(server) {
      const poller = await Poller.join(server);
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      for (const data of [Buffer.from([251, 255, 254]), Buffer.from([1]), Buffer.alloc(0), all]) {
        const frames = ['451-["echo",{"_placeholder":true,"num":0}]', `b${data.toString("base64")}`];
        await poller.say(...frames);
        equal(await poller.hear(), frames);
      }
    },
  },
  {
    name: "H33 H32: a binary packet whose parts come in two POSTs",
    async run(server) {
      const poller = await Poller.join(server);
      await poller.say('451-["echo",{"_placeholder":true,"num":0}]');
      await poller.say("bAQID");
      equal(await poller.hear(), ['451-["echo",{"_placeholder":true,"num":0}]', "bAQID"]);
    },
  },
  ...[
    ["an unknown type", "abc"],
    ["a digit that is no type", "9"],
    ["an empty packet", ""],
    ["an empty packet between two", `42["echo",1]${separator}${separator}42["echo",2]`],
    ["a letter", `42["echo",1]${separator}x42["echo",2]`],
  ].map(([what, body]) => ({
    name: `H34 K11: ${what}: parse error, the rest of the payload is dropped`,
    async run(server, t) {
      const poller = await Poller.join(server);
      const get = await poller.held();
      const res = await poller.post(body);
      oneOf(res.status, [200, 400], "status of the POST");
      const { text } = await get.answer;
      ok(!text.includes("echo\",2"), `a packet behind the bad one was handled: ${text}`);
      equal((await t.gone(poller.id)).reason, "parse error");
      await forgotten(poller);
    },
  })),
  {
    name: "L12 K11: the client's close packet: transport close, the pending GET ends with a noop",
    async run(server, t) {
      const poller = await Poller.join(server);
      const get = await poller.held();
      equal((await poller.post("1")).text, "ok");
      equal((await get.answer).text, "6");
      equal((await t.gone(poller.id)).reason, "transport close");
      await forgotten(poller);
    },
  },
  {
    name: "L12: packets before the close packet are handled, those behind it are not",
    async run(server, t) {
      const room = t.name("room");
      const poller = await Poller.join(server);
      await poller.say(`42["join",["${room}"]]`.replace("42", "421"), "1", '42["disconnect.me",false]');
      const record = await t.gone(poller.id);
      equal([record.reason, record.times], ["transport close", 1]);
    },
  },
  {
    name: "L11 K12: server's close with a GET pending: DISCONNECT, then noop and close",
    async run(server, t) {
      const poller = await Poller.join(server);
      const get = await poller.held();
      equal(await t.control("end", "/", poller.id, true), true);
      equal((await get.answer).text, "41");
      equal((await poller.get()).text, `6${separator}1`);
      await forgotten(poller);
      equal((await t.gone(poller.id)).reason, "server namespace disconnect");
    },
  },
  {
    name: "L11 K12: server's close without a GET pending: what was queued goes first",
    async run(server, t) {
      const poller = await Poller.join(server);
      await poller.say('42["reply",{},"first",1]');
      const joined = await handled(poller, t);
      equal(await t.control("end", "/", poller.id, true), true);
      equal((await poller.get()).text.split(separator).filter((p) => p !== joined), ['42["first",1]', "41"]);
      equal((await poller.get()).text, `6${separator}1`);
      await forgotten(poller);
    },
  },
  {
    name: "R08 T06: volatile events are dropped while no GET is pending",
    async run(server, t) {
      const poller = await Poller.join(server);
      await poller.say('42["reply",{"volatile":true},"gone",1]', '42["reply",{},"stays",2]', '42["reply",{"volatile":true},"gone",3]');
      const joined = await handled(poller, t);
      const got = [];
      while (!got.includes(joined)) got.push(...(await poller.hear()));
      equal(got, ['42["stays",2]', joined]);
      let heard;
      poller.hear().then((packets) => (heard = packets));
      // When the GET has come to the session nothing on the wire shows.
      await until(async () => heard || poller.say('42["reply",{"volatile":true},"heard",4]'), "a volatile event came while a GET was pending");
      ok(heard.every((p) => p === '42["heard",4]'), `heard ${heard}`);
    },
  },
  {
    name: "H31: answers over 1024 bytes are compressed as the request allows",
    async run(server) {
      const poller = await Poller.join(server);
      const text = "a".repeat(1100);
      const ask = async (encoding, flags = "{}") => {
        await poller.say(`42["reply",${flags},"text","${text}"]`);
        return poller.get({ headers: encoding ? { "accept-encoding": encoding } : {} });
      };
      const plain = `42["text","${text}"]`;
      const gzip = await ask("gzip, deflate");
      equal([gzip.headers["content-encoding"], gunzipSync(gzip.body).toString()], ["gzip", plain]);
      equal(gzip.headers["content-type"], "text/plain; charset=UTF-8");
      const deflate = await ask("deflate");
      equal([deflate.headers["content-encoding"], inflateSync(deflate.body).toString()], ["deflate", plain]);
      for (const [encoding, flags] of [["", "{}"], ["identity", "{}"], ["gzip;q=0", "{}"], ["gzip", '{"compress":false}']]) {
        const res = await ask(encoding, flags);
        equal([res.headers["content-encoding"], res.text], [undefined, plain], `${encoding} ${flags}`);
      }
    },
  },
  {
    name: "H31: answers under 1024 bytes are not compressed",
    async run(server) {
      const poller = await Poller.join(server);
      const empty = '42["text",""]'.length;
      for (const [bytes, encoding] of [[1023, undefined], [1024, "gzip"]]) {
        await poller.say(`42["reply",{},"text","${"a".repeat(bytes - empty)}"]`);
        equal((await poller.get({ headers: { "accept-encoding": "gzip" } })).headers["content-encoding"], encoding, `${bytes} bytes`);
      }
    },
  },
  {
    name: "H01 H24: HTTP/1.1 keep-alive: several polling requests on one connection",
    async run(server) {
      const poller = await Poller.open(server);
      const head = (method, more = "") => `${method} /socket.io/?EIO=4&transport=polling&sid=${poller.sid} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
      const text = await wire(server, `${head("POST", "Content-Length: 2\r\n")}40${head("GET", "Connection: close\r\n")}`);
      equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 2, "answers");
      match(text, /\r\n\r\nokHTTP\/1\.1 200 OK[\s\S]*\r\n\r\n40\{"sid":"[^"]{20}"\}$/);
    },
  },
];

raw("raw polling", cases);

raw(
  "raw polling, limits",
  [
    {
      name: "H26: a body of exactly maxPayload is taken, one byte more is 413 without a body",
      async run(server) {
        const poller = await Poller.join(server);
        const of = (bytes) => `42["echo","${"x".repeat(bytes - '42["echo",""]'.length)}"]`;
        equal(of(1000).length, 1000);
        equal((await poller.post(of(1000))).status, 200);
        equal(await poller.hear(), [of(1000)]);
        const res = await poller.post(of(1001));
        equal([res.status, res.text], [413, ""]);
      },
    },
    {
      name: "H26: the limit counts bytes, not characters",
      async run(server) {
        const poller = await Poller.join(server);
        equal((await poller.post(`42["echo","${"é".repeat(600)}"]`)).status, 413);
      },
    },
    {
      name: "H26: a chunked body is counted while it streams",
      async run(server) {
        const poller = await Poller.join(server);
        const post = poller.post(undefined, {
          pieces: (async function* () {
            for (const piece of ['42["echo","', "x".repeat(600), "x".repeat(600)]) yield piece;
            await post; // the answer does not wait for the end of the body
          })(),
        });
        equal((await post).status, 413);
      },
    },
    {
      name: "H26: 413 leaves the session open, nothing of the body was handled",
      async run(server) {
        const poller = await Poller.join(server);
        equal((await poller.post(`42["echo",1]${separator}42["echo","${"x".repeat(1000)}"]`)).status, 413);
        await alive(poller);
      },
    },
  ],
  { flags: ["--max-payload", "1000"] },
);

raw(
  "raw polling, compression off",
  [
    {
      name: "H31: httpCompression false",
      async run(server) {
        const poller = await Poller.join(server);
        await poller.say(`42["reply",{},"text","${"a".repeat(5000)}"]`);
        const res = await poller.get({ headers: { "accept-encoding": "gzip" } });
        equal([res.headers["content-encoding"], res.text.length], [undefined, '42["text",""]'.length + 5000]);
      },
    },
  ],
  { flags: ["--no-http-compression"] },
);
