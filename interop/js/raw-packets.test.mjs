// Socket.IO packets on the wire: rows S01-S07, C01-C05, K02-K12 where the bytes matter.

import { equal, match, oneOf, until } from "./lib/check.mjs";
import { alive, Poller, Wire } from "./lib/raw.mjs";
import { raw, target } from "./lib/suite.mjs";

const id = /^[A-Za-z0-9_-]{20}$/;
const one = (name) => `451-["${name}",{"_placeholder":true,"num":0}]`;

/** both is a case that runs on a websocket and on polling; it gets an object with send, hear and end. */
function both(name, run) {
  return [
    {
      name: `${name} [websocket]`,
      async run(server, t) {
        const w = await Wire.start(server);
        const frames = (list) => list.map((f) => (typeof f === "string" ? f : Buffer.from(f)));
        await run(
          {
            send: (...list) => w.send(...frames(list)),
            hear: () => w.next(),
            end: () => w.end(),
          },
          t,
        );
        w.close();
      },
    },
    {
      name: `${name} [polling]`,
      async run(server, t) {
        const poller = await Poller.open(server);
        const heard = [];
        const encoded = (f) => (typeof f === "string" ? f : `b${Buffer.from(f).toString("base64")}`);
        const decoded = (p) => (p[0] === "b" ? Buffer.from(p.slice(1), "base64") : p);
        await run(
          {
            send: (...list) => poller.say(...list.map(encoded)),
            async hear() {
              if (!heard.length) heard.push(...(await poller.hear()).map(decoded));
              return heard.shift();
            },
            // The end is a close packet to a GET, or the sid being forgotten.
            end: () =>
              until(async () => {
                const res = await poller.get();
                return res.status === 400 || res.text.split("\x1e").includes("1");
              }, "the session's end"),
          },
          t,
        );
      },
    },
  ];
}

/** joined connects to a namespace and is the socket's id. */
async function joined(c, nsp = "", auth = "") {
  const at = nsp ? `${nsp},` : "";
  await c.send(`40${at}${auth}`);
  const answer = await c.hear();
  equal(answer.slice(0, 2 + at.length), `40${at}`);
  return JSON.parse(answer.slice(2 + at.length)).sid;
}

const expect = async (c, ...frames) => {
  for (const frame of frames) equal(await c.hear(), frame);
};

/** refuses is a case in which the frames, on a connection with sockets in / and /static, are a protocol error. */
const refuses = (row, what, ...frames) =>
  both(`${row} S07: ${what}: an error on every socket, then the end, forced close`, async (c, t) => {
    const ids = [await joined(c), await joined(c, "/static")];
    await c.send(...frames);
    await c.end();
    for (const id of ids) {
      const { errors, reason, times } = await t.gone(id);
      equal([errors, reason, times], [1, "forced close", 1]);
    }
  });

/** closes is a case in which the frames break the order of things: the connection ends, without an error event. */
const closes = (row, what, ...frames) =>
  both(`${row}: ${what}: the connection ends`, async (c, t) => {
    const id = await joined(c);
    await c.send(...frames);
    await c.end();
    const { errors, reason } = await t.gone(id);
    equal(errors, 0);
    // reference: which of the two depends on whether a write was pending. sio: always the second.
    oneOf(reason, target === "reference" ? ["forced close", "forced server close"] : ["forced server close"]);
  });

raw("raw packets", [
  ...both("C01 S01: CONNECT to / and its answer", async (c) => {
    await c.send("40");
    match(await c.hear(), /^40\{"sid":"[A-Za-z0-9_-]{20}"\}$/);
  }),
  ...both("C01 S01: CONNECT with auth, spelled with and without the comma", async (c) => {
    await c.send('40{"tag":"a"}');
    match(await c.hear(), /^40\{"sid":/);
    await c.send('40/static,{"tag":"b"}');
    match(await c.hear(), /^40\/static,\{"sid":"[A-Za-z0-9_-]{20}"\}$/);
    await c.send('42/static,1["about"]');
    equal(JSON.parse((await c.hear()).slice("43/static,1".length))[0].tag, "b");
    await c.send('421["about"]');
    equal(JSON.parse((await c.hear()).slice(3))[0].tag, "a");
    await c.send("40/dyn/no-comma");
    match(await c.hear(), /^40\/dyn\/no-comma,\{"sid":/);
  }),
  ...both("C02: CONNECT_ERROR for an unknown namespace, the connection goes on", async (c) => {
    await c.send("40/nowhere,");
    await expect(c, '44/nowhere,{"message":"Invalid namespace"}');
    match(await joined(c), id);
  }),
  ...both("C02: CONNECT_ERROR of a middleware, with and without data", async (c) => {
    await c.send('40/auth,{"token":"bad"}');
    await expect(c, '44/auth,{"message":"unauthorized","data":{"code":401,"seen":"bad","hints":["ask",{"again":true}]}}');
    await c.send("40/auth,");
    await expect(c, '44/auth,{"message":"no token"}');
    match(await joined(c, "/auth", '{"token":"good"}'), id);
  }),
  ...both("C05: two namespaces, packets are addressed", async (c) => {
    await joined(c);
    await joined(c, "/static");
    await c.send('42["echo",1]', '42/static,["echo",2]', '427["echo",3]', '42/static,8["echo",4]');
    // Each namespace in its order; there is none between two.
    const heard = [];
    while (heard.length < 4) heard.push(await c.hear());
    const of = (nsp) => heard.filter((p) => p.includes("/static") === (nsp === "/static"));
    equal([of("/"), of("/static")], [['42["echo",1]', "437[3]"], ['42/static,["echo",2]', "43/static,8[4]"]]);
  }),
  ...both("C05 K11: DISCONNECT leaves one namespace, which can be joined again", async (c, t) => {
    const main = await joined(c);
    await joined(c, "/static");
    await c.send("41");
    equal((await t.gone(main)).reason, "client namespace disconnect");
    await c.send('42/static,["echo",1]');
    await expect(c, '42/static,["echo",1]');
    await joined(c);
    await c.send('42["echo",2]');
    await expect(c, '42["echo",2]');
  }),
  ...both("C05: DISCONNECT as some clients spell it", async (c, t) => {
    const stat = await joined(c, "/static");
    await c.send("41/static,");
    equal((await t.gone(stat)).reason, "client namespace disconnect");
    const again = await joined(c, "/static");
    await c.send("41/static");
    equal((await t.gone(again)).reason, "client namespace disconnect");
  }),
  ...both("C05 K12: disconnect(true) ends all namespaces, a DISCONNECT for each", async (c, t) => {
    const ids = [await joined(c), await joined(c, "/static")];
    await c.send('42["disconnect.me",true]');
    const told = [await c.hear(), await c.hear()];
    equal(told.sort(), ["41", "41/static,"]);
    await c.end();
    for (const id of ids) equal((await t.gone(id)).reason, "server namespace disconnect");
  }),
  ...both("S01 K02: EVENT and ACK, ids of any size, in any order", async (c) => {
    await joined(c);
    for (const n of [0, 1, 9, 10, 999, 123456789, Number.MAX_SAFE_INTEGER]) {
      await c.send(`42${n}["echo",${n}]`);
      await expect(c, `43${n}[${n}]`);
    }
    await c.send('425["ack.twice"]', '426["echo"]');
    await expect(c, '435["first"]', "436[]");
  }),
  ...both("K03: an ack id that nobody waits for is ignored", async (c) => {
    await joined(c);
    await c.send("43999[1]", "430[]", '42["echo","still here"]');
    await expect(c, '42["echo","still here"]');
  }),
  ...both("K03 K04: a question of the server, its id answered once", async (c) => {
    await joined(c);
    await c.send('421["ask",5000,"question",1]');
    const question = await c.hear();
    match(question, /^42\d+\["question",1\]$/);
    const n = /^42(\d+)/.exec(question)[1];
    await c.send(`43${n}["yes",2]`, `43${n}["no"]`);
    await expect(c, '431[{"error":null,"values":["yes",2]}]');
  }),
  ...both("S02: placeholders are numbered depth first, the buffers follow in order", async (c) => {
    await joined(c);
    const head = '453-["echo",{"a":[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]},{"_placeholder":true,"num":2}]';
    await c.send(head, [1], [2, 2], []);
    await expect(c, head, Buffer.from([1]), Buffer.from([2, 2]), Buffer.from([]));
    await c.send('42["give","nested"]');
    await expect(
      c,
      '454-["given",{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1},{"c":{"_placeholder":true,"num":2}}]},"x",{"_placeholder":true,"num":3}]',
      Buffer.from("one"),
      Buffer.from("two"),
      Buffer.from(""),
      Buffer.from("three"),
    );
  }),
  ...both("S02 K02: BINARY_EVENT with an ack id is answered by BINARY_ACK, in a namespace", async (c) => {
    await joined(c, "/static");
    await c.send('451-/static,12["echo",{"_placeholder":true,"num":0}]', [5]);
    await expect(c, '461-/static,12[{"_placeholder":true,"num":0}]', Buffer.from([5]));
  }),
  ...both("S02 K03: BINARY_ACK from the client", async (c) => {
    await joined(c);
    await c.send('421["ask",5000,"question"]');
    const n = /^42(\d+)\[/.exec(await c.hear())[1];
    await c.send(`461-${n}["x",{"_placeholder":true,"num":0}]`, [9, 9]);
    await expect(c, '461-1[{"error":null,"values":["x",{"_placeholder":true,"num":0}]}]', Buffer.from([9, 9]));
  }),
  ...both("S02 fault F41: one attachment named twice", async (c, t) => {
    const id = await joined(c);
    const twice = '451-1["kinds",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]';
    // docs/differences.md: named thousands of times it would be as much to encode anew.
    if (target === "reference") {
      await c.send(twice, [1, 2]);
      await expect(c, '431[["binary(2)","binary(2)"]]');
    } else {
      await c.send(twice);
      await c.end();
      equal((await t.gone(id)).reason, "forced close");
    }
  }),
  ...both("S02 fault K9: one attachment that nobody names", async (c, t) => {
    const id = await joined(c);
    // faults.md: what nobody names is memory that the peer holds for nothing.
    if (target === "reference") {
      await c.send('452-2["kinds",{"_placeholder":true,"num":1}]', [1], [1, 2, 3]);
      await expect(c, '432[["binary(3)"]]');
    } else {
      await c.send('452-2["kinds",{"_placeholder":true,"num":1}]');
      await c.end();
      equal((await t.gone(id)).reason, "forced close");
    }
  }),
  {
    name: "S12: what waits for its attachments is dropped at the end of the connection, by either side, without an error",
    async run(server, t) {
      const [leaves, ended] = [await Wire.join(server), await Wire.join(server)];
      for (const w of [leaves, ended]) {
        w.send('42["echo",1]', '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1]));
        await w.expect('42["echo",1]');
      }
      leaves.close();
      equal(await t.control("end", "/", ended.id, true), true);
      await ended.expect("41");
      await ended.end();
      for (const [w, why] of [[leaves, "transport close"], [ended, "server namespace disconnect"]]) {
        const { errors, reason, times } = await t.gone(w.id);
        equal([errors, reason, times], [0, why, 1]);
      }
    },
  },
  ...both("S03: ten attachments are taken", async (c) => {
    await joined(c);
    const head = `4510-["echo",${Array.from({ length: 10 }, (_, i) => `{"_placeholder":true,"num":${i}}`)}]`;
    await c.send(head, ...Array.from({ length: 10 }, (_, i) => [i]));
    await expect(c, head, ...Array.from({ length: 10 }, (_, i) => Buffer.from([i])));
  }),
  ...both("S06: numeric event names", async (c) => {
    await joined(c);
    await c.send('42[42,"x"]');
    await expect(c, '42["numeric","x"]');
    await c.send('421[0,"x"]', '42[1.5]', '42[-1]', '42["echo",1]');
    await expect(c, '42["echo",1]');
  }),
  ...both("S06: names of Object's members are ordinary events", async (c) => {
    await joined(c);
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) await c.send(`42["${name}",1]`);
    await c.send('42["echo",1]');
    await expect(c, '42["echo",1]');
  }),
  ...both("S01: spaces and any key order in the JSON", async (c) => {
    await joined(c);
    await c.send('42[ "echo" , { "b" : 1 ,\n"a" : [ ] } ]');
    equal(JSON.parse((await c.hear()).slice(2)), ["echo", { a: [], b: 1 }]);
  }),

  ...refuses("S01", "an unknown packet type", "47"),
  ...refuses("S01", "a type that is no digit", '4a["echo"]'),
  ...refuses("S01", "an empty packet", "4"),
  ...refuses("S03", "eleven attachments", '4511-["echo"]'),
  ...refuses("S03", "a million attachments", '451000000-["echo"]'),
  ...refuses("S04", "no attachment count", '45["echo"]'),
  ...refuses("S04", "an empty count", '45-["echo"]'),
  ...refuses("S04", "a count without its dash", '451["echo"]'),
  ...refuses("S04", "a negative count", '45-1-["echo"]'),
  ...refuses("S04", "a fraction of a count", '451.5-["echo"]'),
  ...refuses("S04", "a count that is no number", '45x-["echo"]'),
  ...refuses("S04", "zero attachments", '450-["echo"]'),
  ...refuses("S05", "text while an attachment is due", one("echo"), '42["echo"]'),
  ...refuses("S05", "an attachment that nobody announced", [1, 2, 3]),
  ...refuses("S05", "one attachment too many", one("echo"), [1], [2]),
  ...refuses("S05", "a placeholder out of range", '451-["echo",{"_placeholder":true,"num":1}]', [1]),
  ...refuses("S05", "a negative placeholder", '451-["echo",{"_placeholder":true,"num":-1}]', [1]),
  ...refuses("S05", "a placeholder whose number is a text", '451-["echo",{"_placeholder":true,"num":"0"}]', [1]),
  ...refuses("S05", "a placeholder without a number", '451-["echo",{"_placeholder":true}]', [1]),
  ...refuses("S06", "CONNECT with a list", '40/static,["x"]'),
  ...refuses("S06", "CONNECT with a text", '40/static,"x"'),
  ...refuses("S06", "DISCONNECT with a payload", "41{}"),
  ...refuses("S06", "EVENT with an object", "42{}"),
  ...refuses("S06", "EVENT with an empty list", "42[]"),
  ...refuses("S06", "EVENT whose name is null", "42[null]"),
  ...refuses("S06", "EVENT whose name is a list", '42[["echo"]]'),
  ...refuses("S06", "EVENT whose JSON is cut", '42["echo"'),
  ...refuses("S06", "EVENT with something behind the JSON", '42["echo"]x'),
  ...refuses("S06", "ACK with an object", '431{"a":1}'),
  ...refuses("S06", "ACK with a text", '431"x"'),
  ...["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].flatMap((name) =>
    refuses("S06 R10", `the reserved event ${name}`, `42["${name}",1]`),
  ),

  ...closes("C03", "a second CONNECT to the same namespace", "40"),
  ...closes("C03", "EVENT for a namespace not joined", '42/static,["echo",1]'),
  ...closes("C03", "ACK for a namespace not joined", "43/static,1[]"),
  ...closes("C03", "DISCONNECT for a namespace not joined", "41/static,"),
  ...closes("C03", "CONNECT_ERROR from the client", '44{"message":"no"}'),
  ...both("C03: EVENT before any CONNECT: the connection ends", async (c) => {
    await c.send('42["echo",1]');
    await c.end();
  }),
  ...both("S07: bad bytes before any CONNECT: the connection ends", async (c) => {
    await c.send("4999");
    await c.end();
  }),
]);

raw(
  "raw packets, connect timeout",
  [
    ...both("C04: no CONNECT in time: the connection ends", async (c) => {
      await c.end();
    }),
    ...both("C04: a refused CONNECT does not stop the clock", async (c) => {
      await c.send("40/nowhere,");
      match(await c.hear(), /^44\/nowhere,/);
      await c.end();
    }),
    {
      name: "C04: all namespaces left: the clock does not run again",
      async run(server, t) {
        const w = await Wire.join(server);
        w.send("41");
        await t.gone(w.id);
        const later = await Wire.start(server);
        await later.end(); // it had its whole time, and it came after the 41
        await w.connect();
        await alive(w);
        w.close();
      },
    },
  ],
  { flags: ["--connect-timeout", "1000"], concurrency: 5 },
);
