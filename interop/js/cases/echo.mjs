// Values there and back, text and binary, with the client's and with the server's encoder.

import { asBytes, call, equal, gather, next, ok, until } from "../lib/check.mjs";

const surrogates = ["\ud800", "x\udc00y", "\udfff\ud800", "😀\ud83d"];
const big = "0123456789abcdef".repeat(31_250); // 500,000 characters

const values = [
  ["null, booleans", [null, true, false]],
  ["integers", [0, 1, -1, 255, 65536, 2147483648, -2147483649, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
  ["floats", [0.1, -2.5, 1e21, 1e-7, Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON, 123456789.125]],
  ["empty string, list, object", ["", [], {}, [[]], [{}], { a: {} }]],
  ["unicode", ["é", "€", "日本語", "😀", "👩‍👩‍👧", "e\u0301", "\u2028\u2029", "\u0000\u0001\u001f\u007f", "\ufeff", "\u001e between packets"]],
  ["quotes and backslashes", ['"', "\\", '\\"', "/", "\n\r\t\b\f", "</script>", "%00%22"]],
  ["lone surrogates", surrogates],
  ["nested", [{ a: [1, { b: [[{ c: null }]] }], é: { "odd key": true, "": 0 } }, [[[[[[1]]]]]]]],
  ["names of Object's own members", [{ constructor: 1, toString: 2, hasOwnProperty: 3 }]],
  ["what looks like the protocol", ["42[\"echo\"]", "2probe", "451-", { _placeholder: false, num: 0 }, { num: 0 }]],
  ["many arguments", Array.from({ length: 200 }, (_, i) => i)],
];

const bin = (...bytes) => new Uint8Array(bytes);

const binaries = [
  ["one", () => [bin(1, 2, 3)], ["binary(3)"]],
  ["empty", () => [bin()], ["binary(0)"]],
  ["every byte value", () => [Uint8Array.from({ length: 256 }, (_, i) => i)], ["binary(256)"]],
  ["ArrayBuffer", () => [bin(4, 5).buffer], ["binary(2)"]],
  ["typed arrays as their bytes", () => [new Uint16Array([1, 2]), new Float64Array([1.5]), new DataView(new ArrayBuffer(3))], ["binary(4)", "binary(8)", "binary(3)"]],
  ["a window of a longer buffer", () => [new Uint8Array(bin(9, 8, 7, 6, 5).buffer, 1, 3)], ["binary(3)"]],
  ["several between text", () => ["a", bin(1), "b", bin(2), null, bin(3)], ["string(1)", "binary(1)", "string(1)", "binary(1)", "null", "binary(1)"]],
  ["nested", () => [{ x: { y: [bin(1), { z: bin(2, 3) }] }, w: [[bin()]] }], ["{w:[[binary(0)]],x:{y:[binary(1),{z:binary(2)}]}}"]],
  ["beside lone surrogates and emoji", () => ["\ud800😀", bin(1)], ["string(7)", "binary(1)"]],
  ["300 kB", () => [new Uint8Array(300_000).map((_, i) => i % 251)], ["binary(300000)"]],
  ["10 attachments, the most", () => Array.from({ length: 10 }, (_, i) => bin(i, i)), Array(10).fill("binary(2)")],
];

/** plainBytes replaces what the client sends as binary by its bytes, to compare with what comes back. */
const plainBytes = (v) => {
  const bytes = asBytes(v);
  if (bytes) return bytes;
  if (Array.isArray(v)) return v.map(plainBytes);
  if (v && typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plainBytes(x)]));
  return v;
};

async function echoed(t, args) {
  const s = await t.open();
  const back = next(s, "echo");
  s.emit("echo", ...args);
  equal(await back, args.map(plainBytes), "by event");
  equal(await call(s, "echo", ...args), plainBytes(args[0]), "by ack");
}

export default [
  ...values.map(([what, args]) => ({ name: `K01: echo of ${what}`, run: (t) => echoed(t, args) })),
  {
    name: "K01: echo without arguments",
    async run(t) {
      const s = await t.open();
      const back = next(s, "echo");
      s.emit("echo");
      equal(await back, []);
    },
  },
  {
    name: "K01: the server understood what it echoes",
    async run(t) {
      const s = await t.open();
      equal(await call(s, "kinds", null, true, 1.5, "é😀", [1, "x", []], { b: {}, a: [null] }), [
        "null",
        "boolean",
        "number",
        "string(6)",
        "[number,string(1),[]]",
        "{a:[null],b:{}}",
      ]);
    },
  },
  {
    name: "K01 S08: undefined becomes null, a Date its ISO text, functions inside null",
    async run(t) {
      const s = await t.open();
      const date = new Date(Date.UTC(2024, 1, 29));
      const back = next(s, "echo");
      s.emit("echo", undefined, date, [undefined, () => {}], { gone: undefined, at: date }, NaN, Infinity, -0);
      equal(await back, [null, date.toISOString(), [null, null], { at: date.toISOString() }, null, null, 0]);
    },
  },
  {
    name: "K01: send is the event message",
    async run(t) {
      const s = await t.open();
      const back = next(s, "message");
      s.send("hi", { n: 1 });
      equal(await back, ["hi", { n: 1 }]);
    },
  },
  {
    name: "K01: string of 500 kB",
    async run(t) {
      const s = await t.open();
      ok((await call(s, "echo", big)) === big, "the string changed");
    },
  },
  {
    name: "K01: a large answer, 2 MB from the server",
    async run(t) {
      const s = await t.open();
      const given = next(s, "given");
      s.emit("give", "large");
      const [text] = await given;
      ok(text.length === 2_000_000 && /^x+$/.test(text), `got ${text.length} characters`);
    },
  },
  {
    name: "K01 S08: the server's own encoder: JSON values",
    async run(t) {
      const s = await t.open();
      const given = next(s, "given");
      s.emit("give", "json");
      equal(await given, [null, true, false, 0, -7, 1.5, 9007199254740991, "", "é€😀\u2028\"\\\n", [], {}, [[[1]]], { a: { b: [{ c: null }] } }]);
    },
  },
  {
    name: "K01 S08: the server's own encoder: no arguments, a date",
    async run(t) {
      const s = await t.open();
      const given = gather(s, "given");
      s.emit("give", "none");
      s.emit("give", "date");
      await until(() => given.length === 2, "both gifts came");
      equal(given, [[], ["2024-02-29T12:30:45.678Z"]]);
    },
  },
  {
    name: "S02: the server's own encoder: binary, nested binary, ten attachments",
    async run(t) {
      const s = await t.open();
      const given = gather(s, "given");
      const text = (x) => new TextEncoder().encode(x);
      for (const gift of ["binary", "nested", "ten"]) s.emit("give", gift);
      await until(() => given.length === 3, "three gifts came");
      equal(given, [
        [bin(0, 1, 2, 253, 254, 255)],
        [{ a: text("one"), b: [text("two"), { c: bin() }] }, "x", text("three")],
        Array.from({ length: 10 }, (_, i) => bin(i)),
      ]);
    },
  },
  ...binaries.map(([what, make, kinds]) => ({
    name: `K01 S02 T05 H33: binary: ${what}`,
    async run(t) {
      await echoed(t, make());
      const s = await t.open();
      equal(await call(s, "kinds", ...make()), kinds, "kinds that the server saw");
    },
  })),
  {
    name: "K01: text and binary events keep their order",
    async run(t) {
      const s = await t.open();
      const back = gather(s, "echo");
      const sent = [];
      for (let i = 0; i < 100; i++) {
        const args = i % 3 === 0 ? [i, bin(i, i)] : i % 3 === 1 ? [i] : [bin(i), { i, b: bin(i) }];
        sent.push(args);
        s.emit("echo", ...args);
      }
      await until(() => back.length === 100, "100 echoes came");
      equal(back, sent);
    },
  },
  {
    name: "S01: an event name may be any text",
    async run(t) {
      const s = await t.open();
      for (const event of ["", " ", "é😀", "a.b:c", '"', "constructor", "__proto__", "x".repeat(1000)]) {
        const back = next(s, event);
        s.emit("reply", {}, event, 1);
        equal(await back, [1], `event ${event.slice(0, 20)}`);
      }
    },
  },
];
