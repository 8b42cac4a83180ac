// The reference server with the events that sio-bench drives; see the package
// comment of bench. Options are the server's defaults but for the flags:
//
//   --port N            port on 127.0.0.1; 0, the default, lets the system choose
//   --for SECONDS       stop after this time; default 1800
//   --ping-interval MS  and --ping-timeout MS, as the server has them
//   --parser msgpack    packets in MessagePack, by socket.io-msgpack-parser
//   --compress          agree on permessage-deflate
//   --eio3              let clients of Engine.IO 3 in
//   --recovery          let clients come back for two minutes
//   --eiows             WebSockets by eiows, which is installed apart: see eiows/
//
// It prints what it is and, when it is ready, "listening http://127.0.0.1:PORT", and
// stops on SIGTERM. bufferutil is not a dependency: ws then masks in JavaScript, as it
// does for most users.
"use strict";

const { createServer } = require("node:http");
const { parseArgs } = require("node:util");
const { Server } = require("socket.io");

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    for: { type: "string", default: "1800" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
    parser: { type: "string", default: "" },
    compress: { type: "boolean", default: false },
    eio3: { type: "boolean", default: false },
    recovery: { type: "boolean", default: false },
    eiows: { type: "boolean", default: false },
  },
});

function number(name, most) {
  const n = Number(values[name]);
  if (!Number.isInteger(n) || n < 0 || n > most) {
    console.error(`--${name} ${values[name]}: must be a whole number up to ${most}`);
    process.exit(2);
  }
  return n;
}

const seconds = number("for", 1e6);
const options = {
  serveClient: false,
  pingInterval: number("ping-interval", 1e9),
  pingTimeout: number("ping-timeout", 1e9),
  allowEIO3: values.eio3,
  perMessageDeflate: values.compress,
};
switch (values.parser) {
  case "":
    break;
  case "msgpack":
    options.parser = require("socket.io-msgpack-parser");
    break;
  default:
    console.error(`--parser ${values.parser}: must be msgpack`);
    process.exit(2);
}
if (values.recovery) {
  options.connectionStateRecovery = {};
}
if (values.eiows) {
  try {
    options.wsEngine = require("./eiows/node_modules/eiows").Server;
  } catch (e) {
    console.error(`eiows is not installed or does not load (${e.code ?? e.message}): scripts/peers.sh eiows`);
    process.exit(1);
  }
}
const http = createServer();
const io = new Server(http, options);

function offer(socket) {
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("object", (value) => socket.emit("object", value));
  socket.on("ack", (...args) => {
    const answer = args.pop();
    if (typeof answer === "function") answer(...args);
  });
  socket.on("join", async (room, answer) => {
    await socket.join(room);
    if (typeof answer === "function") answer();
  });
  socket.on("leave", async (room, answer) => {
    await socket.leave(room);
    if (typeof answer === "function") answer();
  });
  socket.on("broadcast", (room, payload) => socket.nsp.to(room).emit("broadcast", payload));
}

io.on("connection", offer);
io.of(/^\/bench-\d+$/).on("connection", offer);

http.on("error", (err) => {
  console.error(err.message);
  process.exit(1);
});
http.listen(number("port", 65535), "127.0.0.1", 4096, () => {
  const ws = values.eiows ? "./eiows/node_modules/eiows" : "ws";
  const of = (name) => require(`${name}/package.json`);
  console.log(`version socket.io ${of("socket.io").version}, ${of(ws).name} ${of(ws).version}, Node.js ${process.versions.node}`);
  console.log(`listening http://127.0.0.1:${http.address().port}`);
});

function stop() {
  io.close();
  setTimeout(() => process.exit(0), 1000).unref();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
setTimeout(stop, seconds * 1000).unref();
