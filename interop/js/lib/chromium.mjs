// Headless Chromium, and pages in front of a server under test.

import { existsSync } from "node:fs";

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** launch is a browser with a profile of its own, which is removed at its end; more are further flags. */
export async function launch(...more) {
  if (!existsSync(executablePath)) throw new Error(`no Chromium at ${executablePath}: apt-get install chromium, or set CHROMIUM to its path`);
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath, headless: true, args: [...args, ...more] });
}

/** open is a page at url, a proxy's, that is ready to run cases. exposed are functions that the page may call. */
export async function open(browser, url, exposed = {}) {
  const page = await browser.newPage();
  for (const [name, f] of Object.entries(exposed)) await page.exposeFunction(name, f);
  await page.goto(url);
  await ready(page, "runCase");
  return page;
}

/**
 * ready waits until a page, or a frame in it, has a function of that name. A frame out of sight has no
 * animation frames, at which it would look without the interval, in milliseconds.
 */
export const ready = (page, name) => page.waitForFunction((name) => window[name] !== undefined, name, { polling: 50 });
