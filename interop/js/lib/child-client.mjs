// The official client in a process of its own, so that a test can freeze it.
// Usage: child-client.mjs URL MODE. Tells on stdout "connect <id>" and
// "disconnect <reason>"; ends with its stdin.

import * as client from "socket.io-client";
import { Session } from "./session.mjs";

const [url, mode] = process.argv.slice(2);
const t = new Session({ client, url, mode });
process.stdin.on("end", () => process.exit(0)).resume();

const s = t.dial("/", { reconnection: true });
s.on("disconnect", (reason) => console.log(`disconnect ${reason}`));
s.on("connect", async () => {
  await t.settled(s);
  console.log(`connect ${s.id}`);
});
