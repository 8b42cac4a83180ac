import { createServer } from "node:http";
import { Server } from "socket.io";

// 1. options
const http = createServer();
const io = new Server(http, {
  pingInterval: 10_000,
  maxHttpBufferSize: 100_000,
  allowEIO3: true,

  // 2. pages of other origins
  cors: {
    origin: ["https://play.example", /\.play\.example$/],
    credentials: true,
  },

  // 3. a cookie for the load balancer
  cookie: { name: "lb", sameSite: "strict" },

  // 4. clients that come back to where they were
  connectionStateRecovery: {
    maxDisconnectionDuration: 60_000,
  },

  // 5. who may connect at all
  allowRequest: (req, done) => done("not from there", req.headers["x-region"] !== "moon"),
});

// 6. refusals are watched
io.engine.on("connection_error", (e) => {
  if (e.code === 4) refused.push(e.context.message);
});
const refused = [];

// 7. middlewares for HTTP
io.engine.use((req, res, next) => {
  res.setHeader("X-Served-By", "twin");
  next();
});

// 8. a middleware that lets in, and says why not
io.use((socket, next) => {
  const { name } = socket.handshake.auth;
  if (name) {
    socket.data.name = name;
    return next();
  }
  const err = new Error("who are you?");
  err.data = { need: ["name"] };
  next(err);
});

io.on("connection", (socket) => {
  // 9. rooms: everybody but the sender
  socket.on("enter", async (room) => {
    await socket.join(room);
    socket.to(room).emit("entered", socket.data.name);
  });

  // 10. an acknowledgement with a value, or an error
  socket.on("divide", (a, b, answer) => {
    if (b === 0) return answer({ error: { code: "zero", message: "division by zero" } });
    answer(a / b);
  });

  // 11. binary in both directions
  socket.on("reverse", (buffer, answer) => answer(Buffer.from(buffer).reverse()));

  // 12. a question to one client, with a time limit
  socket.on("guess", async () => {
    const n = await socket.timeout(2000).emitWithAck("number?");
    socket.emit("guessed", n * 2);
  });

  // 13. a question to a room
  socket.on("vote", async (room) => {
    const votes = await io.to(room).timeout(2000).emitWithAck("your vote?");
    io.to(room).emit("votes", votes.sort());
  });

  // 14. several rooms, with exceptions
  socket.on("shout", (text) => io.to(["red", "blue"]).except("quiet").emit("shouted", text));

  // 15. relays: the arguments as they came
  socket.on("relay", (...args) => socket.broadcast.emit("relayed", ...args));

  // 16. events that may be dropped
  socket.on("position", (p) => socket.volatile.emit("position", p));

  // 17. what leaves, seen before it does
  socket.onAnyOutgoing((event) => sent.set(event, (sent.get(event) ?? 0) + 1));

  // 18. the rooms, while they are still there
  socket.on("disconnecting", (reason) => {
    for (const room of socket.rooms) {
      if (room !== socket.id) socket.to(room).emit("left", socket.data.name, reason);
    }
  });

  // 19. once
  socket.once("ready", () => socket.emit("set"));

  // 20. everything that comes
  socket.onAny((event) => seen.add(event));

  // 21. rules for each event
  socket.use(([event], next) => (event.startsWith("admin:") ? next(new Error("forbidden")) : next()));
  socket.on("error", (err) => socket.emit("denied", err.message));
});
const sent = new Map();
const seen = new Set();

// 22. namespaces that are made when somebody asks for them
io.of(/^\/match-\d+$/).on("connection", (socket) => {
  socket.emit("match", Number(socket.nsp.name.slice("/match-".length)));
});

// 23. operations on many sockets
const control = io.of("/control");
control.on("connection", (socket) => {
  socket.on("who", async (room, answer) => {
    const sockets = await io.in(room).fetchSockets();
    answer(sockets.map((s) => s.data.name).sort());
  });
  socket.on("move", (from, to, answer) => {
    io.in(from).socketsJoin(to);
    io.in(from).socketsLeave(from);
    answer();
  });
  socket.on("kick", (room) => io.in(room).disconnectSockets());
  socket.on("figures", (answer) =>
    answer({ refused, seen: [...seen].sort(), positions: sent.get("position") ?? 0, clients: io.engine.clientsCount }),
  );
});

// ... and off it goes.
http.listen(Number(process.argv[2] ?? 3000), "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
