// Writes vectors.json: packets as socket.io-msgpack-parser 3.0.2 encodes them, with the
// text that the default parser, socket.io-parser 4.2.7, has for the same.
//
//   npm install socket.io-msgpack-parser@3.0.2 socket.io-parser@4.2.7
//   node vectors.mjs > vectors.json
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const msgpack = require("socket.io-msgpack-parser");
const standard = require("socket.io-parser");

const text = (packet) => {
  const [head, ...buffers] = new standard.Encoder().encode(packet);
  return { text: head, buffers: buffers.map((b) => Buffer.from(b).toString("hex")) };
};
const hex = (packet) => Buffer.from(new msgpack.Encoder().encode(packet)[0]).toString("hex");

const sizes = (f, ...list) => list.map((n) => [`${f.name} of ${n}`, f(n)]);
const string = (n) => "a".repeat(n);
const array = (n) => new Array(n).fill(1);
const object = (n) => Object.fromEntries(array(n).map((v, i) => ["k" + i, v]));
const bin = (n) => Buffer.alloc(n, 7);

// Both ways: what one parser says and the other says mean the same.
const same = [
  ["null", null], ["true", true], ["false", false],
  ...[0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53,
    -1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53)].map((n) => ["integer " + n, n]),
  ...[0.5, -0.5, 1.1, 1e-7, 5e-324, Math.PI].map((n) => ["float " + n, n]),
  ["empty string", ""], ["quotes", '"\\/\b\f\n\r\t\u0000\u001f\u007f'], ["utf-8", "é汉字😀\u2028\u2029\uffff"],
  ["utf-8, long", "é汉字😀".repeat(20)],
  ...sizes(string, 31, 32, 255, 256, 65535, 65536),
  ...sizes(array, 0, 15, 16, 65535, 65536),
  ...sizes(object, 0, 15, 16, 300),
  ...sizes(bin, 0, 255, 256, 65535, 65536),
  ["nested", { a: [[[{ b: [] }]], {}], c: { d: { e: array(17) } } }],
  ["wide in wide", array(20).map((_, i) => (i % 5 ? i : array(18 + i)))],
  ["bins, nested", { a: [bin(3), { b: bin(4) }], c: bin(0), d: array(20).map(() => "x") }],
].map(([name, v]) => ({ name, packet: { type: 2, data: ["e", v], nsp: "/" } })).concat([
  { name: "connect", packet: { type: 0, data: { sid: "abc" }, nsp: "/" } },
  { name: "disconnect", packet: { type: 1, nsp: "/admin" } },
  { name: "event with id", packet: { type: 2, data: ["e"], id: 3, nsp: "/" } },
  { name: "event with a large id", packet: { type: 2, data: ["e"], id: 300, nsp: "/é" } },
  { name: "ack", packet: { id: 12, type: 3, data: [1, bin(2)], nsp: "/chat" } },
  { name: "connect error", packet: { type: 4, data: { message: "Invalid namespace" }, nsp: "/x" } },
  { name: "a namespace of 40", packet: { type: 2, data: ["e"], nsp: "/" + string(39) } },
]).map(({ name, packet }) => {
  const bytes = hex(packet);
  if (bytes.length < 3000) return { name, ...text(packet), hex: bytes };
  // What is long the test makes up by its name.
  return { name, sha256: createHash("sha256").update(bytes, "hex").digest("hex") };
});

// From MessagePack only: values that the default parser has no word for, and what it says
// in their place.
const buffer = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
const inward = [
  ["undefined in an array", [1, undefined, 2], "[1,null,2]"],
  ["undefined as a member", { a: undefined, b: 1, c: undefined }, '{"b":1}'],
  ["undefined as the first member", { a: undefined, b: 1 }, '{"b":1}'],
  ["undefined as the only member", { a: undefined }, "{}"],
  ["date", new Date(1234567890123), JSON.stringify(new Date(1234567890123))],
  ["date before 1970", new Date(-1), JSON.stringify(new Date(-1))],
  ["date after 9999", new Date(8.64e15), JSON.stringify(new Date(8.64e15))],
  ["date before 0", new Date(-8.64e15), JSON.stringify(new Date(-8.64e15))],
  ["date in 999", new Date(-30641760000000), JSON.stringify(new Date(-30641760000000))],
  ["NaN", NaN, "null"], ["Infinity", Infinity, "null"], ["-Infinity", -Infinity, "null"],
  ["-0", -0, "0"],
  ["half a pair", "\ud800" + string(40), '"\ufffd' + string(40) + '"'],
  ["ArrayBuffer", buffer(bin(5)), null, [bin(5)]],
  ["ArrayBuffer of 256", buffer(bin(256)), null, [bin(256)]],
  ["typed array", new Uint8Array(buffer(bin(5))), null, [bin(5)]],
].map(([name, v, json, buffers = []]) => ({
  name,
  json: json ?? '{"_placeholder":true,"num":0}',
  buffers: buffers.map((b) => b.toString("hex")),
  hex: hex({ type: 2, data: ["e", v], options: { compress: true }, nsp: "/" }),
}));

process.stdout.write(JSON.stringify({ same, inward }, null, 1) + "\n");
