// A page and the server under test on one origin: the page's files are served here,
// all under /socket.io/ is passed on, requests and upgrades alike.

import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const bundle = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist/socket.io.js");

/** html is a page with the official bundle and a module of lib/. */
const html = (module) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script src="/client/socket.io.js"></script>
<script type="module" src="/lib/${module}.mjs"></script>
`;

async function file(path) {
  if (path === "/") return ["text/html; charset=utf-8", html("page")];
  if (path === "/crowd") return ["text/html; charset=utf-8", html("crowd")];
  if (path === "/frames") return ["text/html; charset=utf-8", "<!doctype html><link rel=icon href=data:,>"];
  if (path === "/client/socket.io.js") return ["text/javascript; charset=utf-8", await readFile(bundle)];
  if (/^\/(lib|cases)\/[a-z]+\.mjs$/.test(path)) return ["text/javascript; charset=utf-8", await readFile(join(here, path))];
}

/** serve is {url, close} of a proxy in front of server. */
export async function serve(server) {
  const passed = new Set();

  const http = createServer(async (req, res) => {
    if (!req.url.startsWith("/socket.io")) {
      const found = await file(req.url);
      if (!found) return res.writeHead(404).end();
      return res.writeHead(200, { "content-type": found[0], "cache-control": "no-store" }).end(found[1]);
    }
    const { connection, ...headers } = req.headers;
    const out = request({ host: "127.0.0.1", port: server.port, method: req.method, path: req.url, headers, agent: false }, (answer) => {
      const { connection, ...headers } = answer.headers;
      res.writeHead(answer.statusCode, headers);
      answer.pipe(res);
      answer.on("error", () => res.destroy());
    });
    out.on("error", () => res.destroy());
    res.on("close", () => out.destroy());
    req.pipe(out);
  });

  http.on("upgrade", (req, socket, head) => {
    const out = connect(server.port, "127.0.0.1", () => {
      const lines = [`${req.method} ${req.url} HTTP/1.1`];
      for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
      out.write(`${lines.join("\r\n")}\r\n\r\n`);
      out.write(head);
      socket.pipe(out).pipe(socket);
    });
    for (const [end, other] of [[socket, out], [out, socket]]) {
      passed.add(end);
      end.on("error", () => other.destroy());
      end.on("close", () => (other.destroy(), passed.delete(end)));
    }
  });

  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    close: () =>
      new Promise((resolve) => {
        http.close(resolve);
        http.closeAllConnections();
        passed.forEach((socket) => socket.destroy());
      }),
  };
}
