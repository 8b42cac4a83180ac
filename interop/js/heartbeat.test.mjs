// Heartbeats: the cases that pages share, and a client whose process is frozen.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import heartbeat from "./cases/heartbeat.mjs";
import { equal, until } from "./lib/check.mjs";
import { own, suite } from "./lib/suite.mjs";

const child = fileURLToPath(new URL("lib/child-client.mjs", import.meta.url));

own("heartbeat", heartbeat, { concurrency: 3 });

suite(
  "frozen client",
  [
    {
      name: "K11 L01: a frozen client: ping timeout at the server, and the client comes back",
      async run(t) {
        const process = spawn(globalThis.process.execPath, [child, t.url, t.mode], { stdio: ["pipe", "pipe", "inherit"] });
        const exited = new Promise((resolve) => process.on("close", resolve));
        try {
          const lines = [];
          createInterface({ input: process.stdout }).on("line", (line) => lines.push(line));
          const id = (await until(() => lines.find((l) => l.startsWith("connect ")), "the child connected")).slice(8);
          process.kill("SIGSTOP");
          const record = await t.gone(id);
          equal([record.reason, record.rooms, record.times], ["ping timeout", [id], 1]);
          process.kill("SIGCONT");
          await until(() => lines.filter((l) => l.startsWith("connect ")).length === 2, "the child came back");
          equal(lines.filter((l) => l.startsWith("disconnect ")).length, 1, "ends that the child saw");
        } finally {
          process.kill("SIGKILL");
          await exited;
        }
      },
    },
  ],
  { flags: ["--ping-interval", "1000", "--ping-timeout", "1500"], concurrency: 3 },
);
