// Runs in the page: the cases with the official bundle, started one by one from outside.

import { failure } from "./check.mjs";
import { Session } from "./session.mjs";
import { ownTopics, pageTopics } from "./topics.mjs";

const all = { ...pageTopics, ...ownTopics };

/** server is the case's own server, which is another process: what ServerUnderTest does, by the test outside. */
const server = Object.fromEntries(["stop", "kill", "restart", "freeze", "thaw", "ends"].map((what) => [what, () => window.serverDo(what)]));

/** runCase runs a case, and is null or what went wrong. */
window.runCase = async (topic, name, mode, target) => {
  const session = new Session({ client: window.io, url: location.origin, mode, target });
  session.server = server;
  const failed = await failure(() => all[topic].find((c) => c.name === name).run(session));
  session.close();
  return failed;
};

/** openSocket opens a socket that stays until the page goes, and is its id. */
window.openSocket = async (mode) => {
  const session = new Session({ client: window.io, url: location.origin, mode });
  return (await session.open()).id;
};
