// The client of both programs: it goes through everything that they do, one thing after
// another, and returns what it saw.

import { io } from "socket.io-client";

/** play talks to the server at url over the transports, and is the transcript. */
export async function play(url, transports) {
  const transcript = [];
  const sockets = [];
  const say = (...line) => transcript.push(JSON.stringify(line));

  const connect = (who, { nsp = "", auth = { name: who }, ...more } = {}) => {
    const socket = io(url + nsp, { transports, auth, forceNew: true, reconnection: false, ...more });
    sockets.push(socket);
    socket.on("connect_error", (err) => say(who, "connect_error", err.message, err.data ?? err.context?.responseText ?? null));
    socket.on("disconnect", (reason) => say(who, "disconnect", reason));
    return socket;
  };
  // What the server adds for recovery is nobody's argument.
  const own = (socket, args) => (args.at(-1) === socket._lastOffset ? args.slice(0, -1) : args);
  const next = async (socket, event) => own(socket, await new Promise((done) => socket.once(event, (...args) => done(args))));
  const connected = async (who, options) => {
    const socket = connect(who, options);
    await next(socket, "connect");
    return socket;
  };
  // Everything that came to a socket before it gets this answer has come.
  const settle = (socket) => socket.emitWithAck("divide", 1, 1);

  // 2, 3, 7: what browsers are told
  for (const origin of ["https://play.example", "https://eu.play.example", "https://evil.example"]) {
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { method, headers: { origin } });
      // Node answers a preflight before its middlewares, sio behind them.
      const names = method === "GET" ? /^(access-control-|vary|set-cookie|x-served-by)/ : /^(access-control-|vary)/;
      const told = [...answer.headers].filter(([name]) => names.test(name));
      say(method, origin, answer.status, told.map(([name, value]) => `${name}: ${value.replace(/lb=[^;]+/, "lb=...")}`).sort());
    }
  }

  // 5, 6: the whole server refuses, before there is a session
  await next(connect("luna", { extraHeaders: { "x-region": "moon" }, transports: ["polling"] }), "connect_error");
  // 8: the namespace refuses, and says why
  await next(connect("nobody", { auth: {} }), "connect_error");

  const [ann, bob, cid] = await Promise.all(["ann", "bob", "cid"].map((who) => connected(who)));
  const everybody = { ann, bob, cid };

  // 9: the sender is not told
  ann.emit("enter", "red");
  await settle(ann);
  const entered = next(ann, "entered");
  bob.emit("enter", "red");
  say("ann", "entered", ...(await entered));
  cid.emit("enter", "blue");
  await settle(cid);

  // 10
  say("6 divides to", await ann.emitWithAck("divide", 6, 4));
  say("by zero", await ann.emitWithAck("divide", 6, 0));

  // 11
  say("reversed", [...(await ann.emitWithAck("reverse", Buffer.from([1, 2, 3])))]);

  // 12
  ann.once("number?", (...args) => args.at(-1)(21));
  ann.emit("guess");
  say("ann", "guessed", ...(await next(ann, "guessed")));

  // 13
  for (const [who, vote] of [["ann", "yes"], ["bob", "no"]]) everybody[who].once("your vote?", (...args) => args.at(-1)(vote));
  const votes = Promise.all([next(ann, "votes"), next(bob, "votes")]);
  ann.emit("vote", "red");
  say("votes", ...(await votes));

  // 14: cid is in two rooms, and hears it once; bob is where it is quiet
  cid.emit("enter", "red");
  bob.emit("enter", "quiet");
  await Promise.all([settle(cid), settle(bob)]);
  const shouts = {};
  for (const [who, socket] of Object.entries(everybody)) socket.on("shouted", (text) => (shouts[who] ??= []).push(text));
  const heard = next(cid, "shouted");
  bob.emit("shout", "hey");
  await heard;
  await Promise.all([settle(ann), settle(bob), settle(cid)]);
  say("shouted", Object.entries(shouts).sort());

  // 15
  const relayed = next(bob, "relayed");
  ann.emit("relay", { nested: [1, "zwölf", null, { deep: Buffer.from("bytes") }] }, "and", Buffer.from([0, 255]));
  const [first, ...rest] = await relayed;
  first.nested[3].deep = String(first.nested[3].deep);
  say("relayed", first, rest[0], [...rest[1]]);

  // 16, 17
  const position = next(ann, "position");
  ann.emit("position", { x: 1, y: 2 });
  say("position", ...(await position));

  // 19: the second one is for nobody
  const set = [];
  ann.on("set", () => set.push("set"));
  ann.emit("ready");
  ann.emit("ready");
  await settle(ann);
  say("ready twice", set);

  // 21
  ann.emit("admin:stop");
  say("denied", ...(await next(ann, "denied")));

  // 22
  const match = connect("match", { nsp: "/match-42" });
  say("match", ...(await next(match, "match")));
  await next(connect("lost", { nsp: "/match-x" }), "connect_error");

  // 23
  const control = await connected("control", { nsp: "/control" });
  say("in red", await control.emitWithAck("who", "red"));
  await control.emitWithAck("move", "red", "green");
  say("in red", await control.emitWithAck("who", "red"));
  say("in green", await control.emitWithAck("who", "green"));

  // 18: with the reason, in the rooms that they had
  const left = next(ann, "left");
  bob.disconnect();
  say("ann", "left", ...(await left));

  const kicked = next(cid, "disconnect");
  control.emit("kick", "blue");
  await kicked;

  // 1: a message that is too long costs the connection
  const cut = next(ann, "disconnect");
  ann.emit("relay", "x".repeat(150_000));
  await cut;

  const figures = await control.emitWithAck("figures");
  say("figures", figures.refused, figures.seen, figures.positions, figures.clients >= 2);
  sockets.forEach((socket) => socket.disconnect());
  return transcript;
}
