// The official bundle in headless Chromium, on one origin with the server under test.

import { after, before, describe, test } from "node:test";
import * as client from "socket.io-client";
import { oneOf } from "./lib/check.mjs";
import { launch, open } from "./lib/chromium.mjs";
import { serve } from "./lib/proxy.mjs";
import { ServerUnderTest, target } from "./lib/server.mjs";
import { modes, Session } from "./lib/session.mjs";
import { timeout } from "./lib/suite.mjs";
import { fitsPage, pageTopics } from "./lib/topics.mjs";

describe("browser", () => {
  let server, proxy, browser, page;

  before(async () => {
    browser = await launch();
    server = await ServerUnderTest.shared();
    proxy = await serve(server);
    page = await open(browser, proxy.url);
  });

  after(async () => {
    await browser?.close();
    await proxy?.close();
    await server?.kill();
  });

  for (const mode of modes) {
    for (const [topic, cases] of Object.entries(pageTopics)) {
      for (const c of cases) {
        if (!fitsPage(c, mode)) continue;
        test(`${c.name} [browser, ${mode}]`, { timeout }, async () => {
          const failed = await page.evaluate((a) => window.runCase(...a), [topic, c.name, mode, target]);
          if (failed) throw new Error(failed);
        });
      }
    }

    test(`K11 L12: the page is left: the server sees the end of the transport [browser, ${mode}]`, { timeout }, async () => {
      const other = await open(browser, proxy.url);
      const id = await other.evaluate((m) => window.openSocket(m), mode);
      const outside = new Session({ client, url: server.url, mode: "websocket", target });
      try {
        await other.goto("about:blank");
        oneOf((await outside.gone(id)).reason, ["transport close", "transport error"]);
      } finally {
        outside.close();
        await other.close();
      }
    });
  }
});
