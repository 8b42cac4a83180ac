// Chromium and a server that is stopped, killed, frozen or crowded: what needs a server of its own.

import { after, before, describe, test } from "node:test";
import * as client from "socket.io-client";
import { equal } from "./lib/check.mjs";
import { launch, open, ready } from "./lib/chromium.mjs";
import { serve } from "./lib/proxy.mjs";
import { ServerUnderTest, target } from "./lib/server.mjs";
import { modes, Session } from "./lib/session.mjs";
import { timeout } from "./lib/suite.mjs";
import { broadcast } from "./lib/talker.mjs";
import { ownTopics } from "./lib/topics.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** inFront runs with a server that has these flags and n proxies in front of it, and ends them whatever happens. */
async function inFront(flags, n, run) {
  const server = await ServerUnderTest.start(flags);
  const proxies = [];
  try {
    while (proxies.length < n) proxies.push(await serve(server));
    await run(server, proxies);
  } finally {
    await Promise.all(proxies.map((p) => p.close()));
    await server.kill();
  }
}

describe("browser, own servers", { concurrency: modes.length }, () => {
  for (const mode of modes) {
    describe(mode, { concurrency: 1 }, () => {
      let page, current; // the server of the case that runs

      after(() => page?.close());

      for (const [topic, cases] of Object.entries(ownTopics)) {
        for (const c of cases) {
          test(`${c.name} [browser, ${mode}]`, { timeout }, () =>
            inFront(c.flags, 1, async (server, [proxy]) => {
              current = server;
              if (page) await page.goto(proxy.url).then(() => ready(page, "runCase"));
              else page = await open(browser, proxy.url, { serverDo: (what) => current[what]() });
              const failed = await page.evaluate((a) => window.runCase(...a), [topic, c.name, mode, target]);
              if (failed) throw new Error(failed);
            }),
          );
        }
      }
    });
  }
});

describe("browser, load", () => {
  // A page has six connections per host, and each polling client keeps one busy: four clients
  // in each of 25 frames, each frame with an origin of its own.
  const frames = 25;
  const perFrame = 4;

  test("fault 80: 100 clients upgrade amid 300 numbered messages each and 300 broadcasts: 30,000 of 30,000 both ways, 30,000 broadcasts [browser, upgrade]", { timeout: 2 * timeout }, () =>
    inFront(["--upgrade-timeout", "60000"], frames, async (server, proxies) => {
      let upgrades = 0;
      const page = await browser.newPage();
      const outside = new Session({ client, url: server.url, mode: "websocket", target });
      try {
        await page.exposeFunction("upgraded", () => upgrades++);
        await page.goto(`${proxies[0].url}/frames`);
        await page.evaluate((urls) => {
          for (const url of urls) document.body.appendChild(document.createElement("iframe")).src = `${url}/crowd`;
        }, proxies.map((p) => p.url));
        const crowds = page.frames().slice(1);
        equal(crowds.length, frames, "frames");
        await Promise.all(crowds.map((frame) => ready(frame, "crowd")));

        /** each takes a step in each frame; args are those of frame i. */
        const each = async (step, args) => {
          const failures = await Promise.all(crowds.map((frame, i) => frame.evaluate((a) => window.crowd(...a), [step, ...args(i)])));
          equal(failures, failures.map(() => null), step);
        };
        const nsp = `/dyn/${outside.name("crowd")}`;
        await each("open", (i) => [nsp, perFrame, 20 + perFrame * i]);
        await Promise.all([each("talk", () => [300]), broadcast(outside, nsp, 300, () => upgrades === frames * perFrame)]);
        await each("heard", () => [300]);
      } finally {
        outside.close();
        await page.close();
      }
    }),
  );
});
