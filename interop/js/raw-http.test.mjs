// What browsers are told and given beside the protocol: rows H19-H22, H31, O01, O02.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { equal, match } from "./lib/check.mjs";
import { engine, http, parseHead, Poller, upgradeRequest, wire, Wire } from "./lib/raw.mjs";
import { raw, target } from "./lib/suite.mjs";
import { netHTTP } from "./lib/server.mjs";

const polling = (more) => engine("polling", more);
const methods = "GET,HEAD,PUT,PATCH,POST,DELETE";

/** told is what a response says about other origins. */
function told(headers) {
  const found = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name === "vary") found.vary = value;
    else if (name.startsWith("access-control-")) found[name.slice("access-control-".length)] = value;
  }
  return found;
}

/** preflight asks as browsers do; it needs no query. */
const preflight = (server, origin, more = {}) =>
  http(server, { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-one,x-two", ...more } });

raw("raw http, no cors", [
  {
    name: "H20: OPTIONS is a bad handshake method: code 2; nothing is said about origins",
    async run(server) {
      const headers = { origin: "http://a.example" };
      const res = await http(server, { method: "OPTIONS", query: polling(), headers });
      equal([res.status, res.text], [400, '{"code":2,"message":"Bad handshake method"}']);
      equal(told(res.headers), {});
      equal((await http(server, { method: "OPTIONS", headers })).json.code, 0);
      equal(told((await http(server, { query: polling(), headers })).headers), {});
      const poller = await Poller.open(server);
      equal((await http(server, { method: "OPTIONS", query: polling({ sid: poller.sid }), headers })).status, target === "reference" ? 500 : 405);
    },
  },
  {
    name: "H21 O01: no cookie, no client",
    async run(server) {
      equal((await http(server, { query: polling() })).headers["set-cookie"], undefined);
      equal((await http(server, { path: "/socket.io/socket.io.js" })).json.code, 0);
    },
  },
  {
    name: "H22: the application's fields are not in refusals",
    async run(server) {
      for (const q of [polling({ sid: "nobody" }), engine("x"), polling({ deny: "" })]) {
        const { status, headers } = await http(server, { query: q });
        equal([status >= 400, headers["x-app-every"], headers["x-app-initial"]], [true, undefined, undefined]);
      }
      const poller = await Poller.join(server);
      const res = await poller.post("42", { headers: { "content-type": "application/octet-stream" } });
      equal([res.status, res.headers["x-app-every"]], [400, undefined]);
    },
  },
  {
    name: "H31: of gzip and deflate the one that weighs more, else the one that is named first",
    async run(server) {
      const poller = await Poller.join(server);
      for (const [accept, want] of [
        ["gzip, deflate", "gzip"],
        ["deflate, gzip", "deflate"],
        ["gzip;q=0.5, deflate;q=0.8", "deflate"],
        ["*", "gzip"],
        ["*, deflate", "deflate"],
        ["*;q=0.5, deflate;q=0.5", "deflate"],
        ["identity, gzip;q=0.1", "gzip"],
        ["gzip;q=0, *", "deflate"],
        ["br, deflate", "deflate"],
        ["br", undefined],
        ["*;q=0", undefined],
      ]) {
        await poller.say(`42["reply",{},"text","${"a".repeat(1100)}"]`);
        equal((await poller.get({ headers: { "accept-encoding": accept } })).headers["content-encoding"], want, accept);
      }
    },
  },
]);

raw(
  "raw http, cors any",
  [
    {
      name: "H19: a star for everybody, on every answer, and nothing to vary with",
      async run(server) {
        const star = { "allow-origin": "*" };
        for (const origin of ["http://a.example", "null", undefined]) {
          equal(told((await http(server, { query: polling(), headers: origin ? { origin } : {} })).headers), star);
        }
        const poller = await Poller.open(server);
        equal(told((await poller.post("40")).headers), star, "POST");
        equal(told((await poller.get()).headers), star, "GET");
        for (const q of [engine("x"), polling({ sid: "nobody" }), engine("websocket"), polling({ deny: "" }), { EIO: "3", transport: "polling" }]) {
          const res = await http(server, { query: q });
          equal([res.status >= 400, told(res.headers)], [true, star], JSON.stringify(q));
        }
        equal(told((await http(server, { method: "PUT", query: polling() })).headers), star, "PUT");
        equal(told((await poller.post("x".repeat(1_000_001))).headers), star, "413");
        equal(told((await http(server, { path: "/elsewhere" })).headers), {}, "not ours");
      },
    },
    {
      name: "H19: a preflight needs neither transport nor session: 204, no body",
      async run(server) {
        for (const query of [{}, polling(), engine("x"), polling({ sid: "nobody" })]) {
          const res = await http(server, { method: "OPTIONS", query, headers: { origin: "http://a.example" } });
          equal([res.status, res.text, res.headers["content-length"]], [204, "", netHTTP ? undefined : "0"]);
          equal(told(res.headers), { "allow-origin": "*", "allow-methods": methods, vary: "Access-Control-Request-Headers" });
        }
        equal(told((await preflight(server, "http://a.example")).headers), {
          "allow-origin": "*",
          "allow-methods": methods,
          "allow-headers": "x-one,x-two",
          vary: "Access-Control-Request-Headers",
        });
      },
    },
    {
      name: "H19: the 101 has it, an upgrade that is refused has not",
      async run(server) {
        const w = await Wire.open(server);
        equal(told(w.headers), { "allow-origin": "*" });
        w.close();
        const refused = parseHead(await wire(server, upgradeRequest(engine("websocket", { sid: "nobody" }))));
        equal([refused.line, told(refused.headers)], ["HTTP/1.1 400 Bad Request", {}]);
      },
    },
  ],
  { flags: ["--cors", "any"] },
);

raw(
  "raw http, cors list",
  [
    {
      name: "H19: listed origins are sent back; others get no allow-origin and are served",
      async run(server) {
        for (const [origin, allowed] of [
          ["http://a.example", true],
          ["null", true],
          ["https://x.b.example", true],
          ["https://b.example", false],
          ["http://a.example:80", false],
          ["HTTP://A.EXAMPLE", false],
          ["http://evil.example", false],
          [undefined, false],
        ]) {
          const res = await http(server, { query: polling(), headers: origin ? { origin } : {} });
          equal([res.status, res.text[0]], [200, "0"], origin);
          equal(told(res.headers), { ...(allowed && { "allow-origin": origin }), "allow-credentials": "true", vary: "Origin" }, origin);
        }
      },
    },
    {
      name: "H19: preflights of both",
      async run(server) {
        const rest = { "allow-credentials": "true", "allow-methods": methods, "allow-headers": "x-one,x-two", vary: "Origin, Access-Control-Request-Headers" };
        const good = await preflight(server, "http://a.example");
        equal([good.status, told(good.headers)], [204, { "allow-origin": "http://a.example", ...rest }]);
        const bad = await preflight(server, "http://evil.example");
        equal([bad.status, told(bad.headers)], [204, rest]);
      },
    },
  ],
  { flags: ["--cors", "list"] },
);

raw(
  "raw http, cors function",
  [
    {
      name: "H19: whom the function refuses is served as if there were no CORS",
      async run(server) {
        const get = (origin) => http(server, { query: polling(), headers: { origin } });
        equal(told((await get("http://a.example")).headers), { "allow-origin": "http://a.example", vary: "Origin" });
        const refused = await get("http://a.test");
        equal([refused.status, told(refused.headers)], [200, {}]);
        equal(told((await http(server, { query: polling() })).headers), {});
        equal((await preflight(server, "http://a.example")).status, 204);
        const flight = await http(server, { method: "OPTIONS", query: polling(), headers: { origin: "http://a.test" } });
        equal([flight.status, flight.json.code, told(flight.headers)], [400, 2, {}]);
      },
    },
  ],
  { flags: ["--cors", "function"] },
);

raw(
  "raw http, cors all",
  [
    {
      name: "H19: all that can be said",
      async run(server) {
        const res = await preflight(server, "http://a.example");
        const common = { "allow-origin": "http://a.example", "allow-credentials": "true", "expose-headers": "seen,too", vary: "Origin" };
        equal([res.status, res.text], [200, ""]);
        equal(told(res.headers), { ...common, "allow-methods": "GET,PUT,POST", "allow-headers": "my-header,other", "max-age": "123" });
        equal(told((await http(server, { query: polling(), headers: { origin: "http://a.example" } })).headers), common);
      },
    },
  ],
  { flags: ["--cors", "all"] },
);

raw(
  "raw http, cors continue",
  [
    {
      name: "H19 H20: preflights continue: an error with their fields",
      async run(server) {
        const res = await http(server, { method: "OPTIONS", query: polling(), headers: { origin: "http://a.example" } });
        equal([res.status, res.json.code], [400, 2]);
        equal(told(res.headers), { "allow-origin": "*", "allow-methods": methods, vary: "Access-Control-Request-Headers" });
      },
    },
  ],
  { flags: ["--cors", "continue"] },
);

for (const [name, want] of [
  ["default", /^io=SID; Path=\/; HttpOnly; SameSite=Lax$/],
  ["all", /^sid=SID; Max-Age=86400; Domain=example.com; Path=\/p; Expires=Mon, 03 Feb 2031 04:05:06 GMT; Secure; Partitioned; SameSite=Strict$/],
]) {
  raw(
    `raw http, cookie ${name}`,
    [
      {
        name: "H21: on the first answer of polling only",
        async run(server) {
          const res = await http(server, { query: polling() });
          const { sid } = JSON.parse(res.text.slice(1));
          const [cookie, ...more] = res.headers["set-cookie"];
          match(cookie.replace(sid, "SID"), want);
          equal(more, []);
          const poller = Object.assign(new Poller(), { server, sid });
          equal((await poller.post("40")).headers["set-cookie"], undefined, "POST");
          equal((await poller.get()).headers["set-cookie"], undefined, "GET");
          const probe = await Wire.open(server, { sid });
          equal(probe.headers["set-cookie"], undefined, "101 of an upgrade");
          probe.close();
          const w = await Wire.open(server);
          equal(w.headers["set-cookie"], undefined, "101 of a new session");
          w.close();
          equal((await http(server, { query: polling({ deny: "" }) })).headers["set-cookie"], undefined, "403");
        },
      },
    ],
    { flags: ["--cookie", name] },
  );
}

const bundle = join(dirname(createRequire(import.meta.url).resolve("socket.io/package.json")), "client-dist");
const { version } = createRequire(import.meta.url)("socket.io/package.json");
const names = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"].flatMap((name) => [name, `${name}.map`]);
const decoders = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };

raw(
  "raw http, client",
  [
    {
      name: "O01 O02: eight files, with any query, and their headers",
      async run(server) {
        for (const name of names) {
          for (const query of ["", "buster=1", "transport=polling&EIO=4"]) {
            const { status, headers, body } = await http(server, { path: `/socket.io/${name}`, query });
            equal([status, body.equals(readFileSync(join(bundle, name)))], [200, true], name);
            equal(
              [headers["content-type"], headers["cache-control"], headers.etag, headers["content-encoding"], headers["set-cookie"], headers["x-app-every"]],
              [`application/${name.endsWith(".map") ? "json" : "javascript"}; charset=utf-8`, "public, max-age=0", `"${version}"`, undefined, undefined, undefined],
            );
          }
        }
      },
    },
    {
      name: "O02: HEAD has no body",
      async run(server) {
        const { status, headers, body } = await http(server, { method: "HEAD", path: "/socket.io/socket.io.js" });
        equal([status, body.length, headers.etag], [200, 0, `"${version}"`]);
      },
    },
    {
      name: "O02: codings",
      async run(server) {
        for (const [accept, want] of [
          ["gzip, deflate, br", "gzip"],
          ["br, gzip", "br"],
          ["gzip;q=0.8, br", "br"],
          ["deflate", "deflate"],
          ["*", "br"],
          ["identity", undefined],
          ["br;q=0, gzip;q=0", undefined],
        ]) {
          const { headers, body } = await http(server, { path: "/socket.io/socket.io.min.js", headers: { "accept-encoding": accept } });
          equal(headers["content-encoding"], want, accept);
          const plain = want ? decoders[want](body) : body;
          equal(plain.equals(readFileSync(join(bundle, "socket.io.min.js"))), true, accept);
        }
      },
    },
    {
      name: "O02: 304 for the tag, strong or weak",
      async run(server) {
        for (const [etag, status] of [[`"${version}"`, 304], [`W/"${version}"`, 304], [`"0.0.0"`, 200], [version, 200]]) {
          const res = await http(server, { path: "/socket.io/socket.io.min.js", headers: { "if-none-match": etag } });
          equal([res.status, res.body.length > 0], [status, status === 200], etag);
        }
      },
    },
    {
      name: "O01: other names are the engine's requests, or nobody's",
      async run(server) {
        for (const name of ["other.js", "socket.io.slim.js", "socket.io.js/", "package.json", "x/socket.io.js", "socket%2eio.js"]) {
          equal((await http(server, { path: `/socket.io/${name}` })).json.code, 0, name);
        }
        equal((await http(server, { path: "/socket.io.js" })).status, 404);
        equal((await http(server, { query: polling() })).text[0], "0", "the engine");
      },
    },
    {
      name: "O02 H19: the files are for other origins as the rest is",
      async run(server) {
        const get = (origin, more) => http(server, { path: "/socket.io/socket.io.js", headers: { origin, ...more } });
        const seen = ({ status, headers: { "access-control-allow-origin": origin, vary } }) => [status, origin, vary];
        const vary = target === "sio" ? "Origin, Accept-Encoding" : "Origin"; // RFC 9110 section 12.5.5 wants the second
        equal(seen(await get("http://a.example")), [200, "http://a.example", vary]);
        equal(seen(await get("http://evil.example")), [200, undefined, vary]);
        equal(seen(await get("http://a.example", { "if-none-match": `"${version}"` })), [304, "http://a.example", vary]);
        const flight = await http(server, { method: "OPTIONS", path: "/socket.io/socket.io.js", headers: { origin: "http://a.example" } });
        equal([flight.status, flight.text], [204, ""]);
      },
    },
  ],
  { flags: ["--client", bundle, "--client-version", version, "--cors", "list"] },
);
