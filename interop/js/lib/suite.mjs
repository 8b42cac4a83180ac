// Registers cases with node:test: one server per file, each case in its own Session.

import { after, before, describe, test } from "node:test";
import * as client from "socket.io-client";
import { gate } from "./gate.mjs";
import { ServerUnderTest, target } from "./server.mjs";
import { modes, Session } from "./session.mjs";

export { target };

/** Upper bound of one case. */
export const timeout = 60_000;

// A case that ran into its timeout may leave a client behind that reconnects for ever: the
// file's process ends nevertheless, a little after its last case.
after(() => setTimeout(() => process.exit(), 3000).unref());

/** inSession runs one case and ends its connections whatever happens. */
export async function inSession(server, mode, run, { options, parser } = {}) {
  const session = new Session({ client, url: server.url, mode, target, gate, options, parser });
  session.server = server;
  try {
    await run(session);
  } finally {
    session.close();
  }
}

/**
 * suite registers the cases once per mode. A case is {name, run(session), modes?}.
 * flags are those of the server under test; without any it may be a shared one. options are those of every client,
 * parser is that of connections that are not a case's own.
 */
export function suite(title, cases, { flags, only = modes, concurrency = 1, options, parser } = {}) {
  describe(title, { concurrency }, () => {
    let server;
    before(async () => {
      server = flags ? await ServerUnderTest.start(flags) : await ServerUnderTest.shared();
    });
    after(() => server?.kill());
    for (const mode of only) {
      for (const c of cases) {
        if (c.modes && !c.modes.includes(mode)) continue;
        test(`${c.name} [${mode}]`, { timeout }, () => inSession(server, mode, c.run, { options, parser }));
      }
    }
  });
}

/**
 * own registers cases that stop, kill or freeze their server, session.server, once per mode: each has a
 * server of its own, with the flags of the case. A case is {name, run(session), flags?, modes?}.
 */
export function own(title, cases, { concurrency = 1 } = {}) {
  describe(title, { concurrency }, () => {
    for (const mode of modes) {
      for (const c of cases) {
        if (c.modes && !c.modes.includes(mode)) continue;
        test(`${c.name} [${mode}]`, { timeout }, async () => {
          const server = await ServerUnderTest.start(c.flags);
          try {
            await inSession(server, mode, c.run);
          } finally {
            await server.kill();
          }
        });
      }
    }
  });
}

/** raw registers cases that speak to the server without the client. A case is {name, run(server)}. */
export function raw(title, cases, { flags, concurrency = 1 } = {}) {
  describe(title, { concurrency }, () => {
    let server;
    before(async () => {
      server = flags ? await ServerUnderTest.start(flags) : await ServerUnderTest.shared();
    });
    after(() => server?.kill());
    for (const c of cases) test(c.name, { timeout }, () => inSession(server, "websocket", (session) => c.run(server, session)));
  });
}
