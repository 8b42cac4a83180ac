// The official client over TLS, with the server's certificate, and with its own.

import { describe, test } from "node:test";
import { connect } from "node:tls";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import echo from "./cases/echo.mjs";
import { certificate } from "./lib/certificate.mjs";
import { call, equal, gather, next, numbered, ok, within } from "./lib/check.mjs";
import { ServerUnderTest } from "./lib/server.mjs";
import { suite, target, timeout } from "./lib/suite.mjs";

const authority = certificate("authority.test");
const stranger = certificate("stranger.test");
const server = certificate("sio.test", authority);
const client = certificate("client.test", authority);
const fake = certificate("client.test", stranger);

const dir = mkdtempSync(join(tmpdir(), "sio-tls-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
const file = (name, text) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const flags = ["--tls-cert", file("cert.pem", server.cert), "--tls-key", file("key.pem", server.key)];
const ca = authority.cert;

/** refused waits for the client's error, and fails if it is let in. */
async function refused(t, opts) {
  const s = t.dial("/", opts);
  let connected = false;
  s.on("connect", () => (connected = true));
  const [err] = await within(next(s, "connect_error"), "connect_error");
  ok(!connected, "it is not let in");
  return err;
}

suite("tls: values", echo, { flags, options: { ca } });

suite(
  "tls",
  [
    {
      name: "H42 C10: a handshake over TLS is secure",
      async run(t) {
        const s = await t.open();
        const h = await call(s, "handshake");
        equal(h.secure, true);
        equal(h.address, "127.0.0.1");
      },
    },
    {
      name: "H42: by the server's name, with any version of TLS",
      async run(t) {
        for (const version of ["TLSv1.2", "TLSv1.3"]) {
          const s = await t.open("/", { servername: "sio.test", minVersion: version, maxVersion: version });
          equal(await call(s, "echo", version), version);
        }
      },
    },
    {
      name: "H42: bursts in both directions",
      async run(t) {
        const s = await t.open();
        const back = gather(s, "echo");
        for (const i of numbered(200)) s.emit("echo", i, "é".repeat(i * 20));
        equal(await call(s, "echo", "last"), "last");
        equal(back.map(([i]) => i), numbered(200));
      },
    },
    {
      name: "H42: a certificate that nobody vouches for is refused by the client",
      async run(t) {
        await refused(t, { ca: stranger.cert });
        const s = await t.open("/", { ca: undefined, rejectUnauthorized: false });
        equal(await call(s, "echo", 1), 1);
      },
    },
    {
      name: "H42: the client ends, and is seen to have",
      async run(t) {
        const s = await t.open();
        const { id } = s;
        s.io.engine.close();
        equal((await t.gone(id)).reason, "transport close");
      },
    },
  ],
  { flags, options: { ca } },
);

suite(
  "tls: client certificates",
  [
    {
      name: "H42: a client with a certificate of the right authority is let in",
      async run(t) {
        const s = await t.open();
        equal(await call(s, "echo", 1), 1);
      },
    },
    {
      name: "H42: one with another's, or none, is not",
      async run(t) {
        await refused(t, { cert: fake.cert, key: fake.key });
        await refused(t, { cert: undefined, key: undefined });
      },
    },
  ],
  { flags: [...flags, "--tls-ca", file("ca.pem", ca)], options: { ca, cert: client.cert, key: client.key } },
);

describe("tls: the wire", () => {
  test("fault 79: renegotiation", { timeout }, async () => {
    const server = await ServerUnderTest.start(flags);
    const socket = connect({ host: "127.0.0.1", port: server.port, ca, servername: "sio.test", maxVersion: "TLSv1.2" });
    try {
      await within(next(socket, "secureConnect"), "the handshake");
      const end = new Promise((resolve) => {
        socket.on("error", (err) => resolve(err.code.replace(/.*_(?=ALERT_)/, ""))); // OpenSSL has prefixed it in several ways
        socket.on("close", () => resolve("closed"));
        if (socket.renegotiate({}, (err) => !err && resolve("done")) === false) resolve("not asked for");
      });
      // Node's servers allow three in ten minutes, ours none.
      equal(await within(end, "its end"), target === "sio" ? "ALERT_UNEXPECTED_MESSAGE" : "done");
    } finally {
      socket.destroy();
      await server.kill();
    }
  });
});
