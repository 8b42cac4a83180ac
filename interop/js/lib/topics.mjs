// The cases that run in Node and in a page alike, by topic.

import acks from "../cases/acks.mjs";
import connect from "../cases/connect.mjs";
import disconnect from "../cases/disconnect.mjs";
import echo from "../cases/echo.mjs";
import events from "../cases/events.mjs";
import heartbeat from "../cases/heartbeat.mjs";
import namespaces from "../cases/namespaces.mjs";
import order from "../cases/order.mjs";
import page from "../cases/page.mjs";
import reconnect from "../cases/reconnect.mjs";
import rooms from "../cases/rooms.mjs";

export const topics = { connect, echo, acks, events, rooms, namespaces, disconnect, order };

/** pageTopics are those of a page. */
export const pageTopics = { ...topics, page };

/** ownTopics need a server of their own for each case. */
export const ownTopics = { heartbeat, reconnect };

/**
 * A page has six connections per host, and each polling client keeps one busy: cases with
 * crowd: true, which open more than four clients, run in a page on websocket only.
 */
export const fitsPage = (c, mode) => (!c.modes || c.modes.includes(mode)) && (!c.crowd || mode === "websocket");
