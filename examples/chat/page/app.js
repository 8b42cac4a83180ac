// The chat: what is known of rooms and people, the connection, and what the user does.

import { $, clone, counted, face } from "./dom.js";
import { watch } from "./figures.js";
import * as log from "./log.js";
import { fill, prepare, release } from "./pictures.js";

const most = 200; // messages of a room that are kept

// ---- what is known

let me; // { id, name }, from the server
let name = sessionStorage.getItem("name") ?? "";
const key = sessionStorage.getItem("secret") ?? secret();
sessionStorage.setItem("secret", key);

const rooms = new Map(); // name -> { name, people: Map, messages, typists: Map, unread, live }
let listed = []; // all rooms there are: { name, members }
let current = sessionStorage.getItem("room"); // name of the room that is looked at
let socket;

// not crypto.randomUUID, which a page has over HTTPS and on localhost only
function secret() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

const here = () => rooms.get(current);

// ---- the connection

/** Asks the server, and returns its answer. Its refusals become errors. */
async function ask(event, ...args) {
  const answer = await socket.timeout(15_000).emitWithAck(event, ...args);
  if (answer?.error) throw new Error(answer.error.message);
  return answer;
}

function connect({ Manager }) {
  const manager = new Manager({ autoConnect: false, reconnectionDelay: 500, reconnectionDelayMax: 5000 });
  const figures = manager.socket("/stats");
  socket = manager.socket("/", { auth: (give) => give({ name, key }) });
  watch(figures);

  manager.on("open", () => transport(manager.engine));
  manager.on("close", () => { $("link").dataset.state = "off"; $("transport").textContent = "offline"; $("rtt").textContent = ""; });
  manager.on("error", () => { if (name && $("banner").hidden) banner("No connection.", "Trying again…"); });
  manager.on("reconnect_attempt", (n) => {
    if (!$("banner").hidden) $("banner-text").textContent = `${lost} Trying again: attempt ${n}.`.trim();
  });

  let lost = ""; // why the connection was
  socket.on("disconnect", (reason) => {
    for (const room of rooms.values()) room.live = false;
    if (reason === "io client disconnect") return;
    if (reason === "io server disconnect") {
      banner("You are here in another window.", "That one goes on.", "Come back here");
      return;
    }
    lost = `Reason: ${reason}.`;
    banner("Connection lost.", `${lost} Trying again…`);
  });
  socket.on("connect_error", (error) => {
    if (socket.active) return; // the network: the manager tries again
    hello(error.message);
  });
  const again = () => {
    for (const s of [socket, figures]) s.disconnect();
    for (const s of [figures, socket]) s.connect();
  };
  $("banner-now").onclick = again;
  addEventListener("online", () => { if (!socket.connected && name) again(); });

  socket.on("welcome", async (person) => {
    me = person;
    sessionStorage.setItem("name", name);
    $("banner").hidden = true;
    $("hello").close();
    $("me").hidden = false;
    face($("me").querySelector(".avatar"), me);
    $("me").querySelector(".name").textContent = me.name;
    setTimeout(measure, 1000); // the page is busy now, which is not the network's fault
    const before = JSON.parse(sessionStorage.getItem("rooms") ?? '["lobby"]');
    for (const room of before) {
      try {
        await ask("enter", room);
      } catch {
        if (!socket.connected) return; // the next welcome goes on
        rooms.delete(room);
      }
    }
    if (!here()) look(rooms.keys().next().value);
    remember();
  });
  socket.on("rooms", (all) => { listed = all; drawRooms(); });
  socket.on("room", entered);
  socket.on("arrived", (room, person) => {
    rooms.get(room)?.people.set(person.id, person);
    note(room, person, +1);
    drawPeople();
  });
  socket.on("left", (room, person) => {
    rooms.get(room)?.people.delete(person.id);
    rooms.get(room)?.typists.delete(person.id);
    note(room, person, -1);
    drawPeople();
  });
  socket.on("message", (room, message) => {
    rooms.get(room)?.typists.delete(message.from.id);
    add(room, Object.assign(message, { coming: Boolean(message.picture) }));
    drawTyping();
  });
  socket.on("picture", (room, id, bytes) => {
    const message = rooms.get(room)?.messages.find((m) => m.id === id);
    if (message) show(message, bytes);
  });
  socket.on("typing", ({ room, who }) => {
    rooms.get(room)?.typists.set(who.id, { name: who.name, until: Date.now() + 3500 });
    drawTyping();
    setTimeout(drawTyping, 3600);
  });

  setInterval(measure, 2000);
  figures.connect();
  if (name) socket.connect();
  else hello();
}

/** Shows what carries the connection, and the change from polling to a WebSocket. */
function transport(engine) {
  const began = performance.now();
  const text = (t, title) => { $("transport").textContent = t; $("link").title = title; };
  $("link").dataset.state = "on";
  text(engine.transport.name, `Carried by ${engine.transport.name}`);
  engine.once("upgrade", (to) => {
    const took = Math.round(performance.now() - began);
    text(`polling → ${to.name}`, `Began with polling, and moved to a ${to.name} ${took} ms later`);
  });
}

async function measure() {
  if (!socket.connected) return;
  const began = performance.now();
  try {
    await ask("echo", 1);
  } catch {
    return; // the end of the connection says it all
  }
  const took = performance.now() - began;
  $("rtt").textContent = `${took < 10 ? took.toFixed(1) : Math.round(took)} ms`;
}

function banner(title, text, button = "Try now") {
  $("banner-title").textContent = title;
  $("banner-text").textContent = text;
  $("banner-now").textContent = button;
  $("banner").hidden = false;
}

// ---- rooms

async function enter(room) {
  look(await ask("enter", room));
  remember();
}

/** Remembers the rooms, to enter them again on the next welcome. */
const remember = () => sessionStorage.setItem("rooms", JSON.stringify([...rooms.keys()]));

/** A room's state, on entering it or on coming back. What was said here meanwhile stays. */
function entered({ name: room, people, history }) {
  const old = rooms.get(room);
  const had = new Map(old?.messages.map((m) => [m.id, m]));
  const came = (history ?? []).map((m) => Object.assign(had.get(m.id) ?? m, {
    at: m.at, state: "sent", mine: m.from.id === me.id, coming: false,
  }));
  const ids = new Set(came.map((m) => m.id));
  const rest = (old?.messages ?? []).filter((m) => !ids.has(m.id));
  const earlier = rest.filter((m) => !m.note && m.state === "sent" && m.at < (came[0]?.at ?? Infinity));
  const unsent = rest.filter((m) => m.mine && m.state !== "sent");
  rest.filter((m) => !earlier.includes(m) && !unsent.includes(m)).forEach(release);

  rooms.set(room, {
    name: room, people: new Map(people.map((p) => [p.id, p])), messages: [...earlier, ...came, ...unsent],
    typists: new Map(), unread: old?.unread ?? 0, live: true,
  });
  if (room === current) look(room);
  drawRooms();
  for (const m of unsent) if (m.state === "waiting") deliver(room, m);
}

async function leave() {
  const room = here();
  try {
    await ask("leave", room.name);
  } catch (error) {
    return problem(error.message);
  }
  room.messages.forEach(release);
  rooms.delete(room.name);
  look(rooms.keys().next().value);
  remember();
}

/** Shows a room, or that there is none. */
function look(room) {
  if (here()) here().draft = text.value;
  current = room;
  const now = here();
  if (now) now.unread = 0;
  text.value = now?.draft ?? "";
  grow();
  log.show(now?.messages ?? []);
  drawRooms();
  drawChat();
  problem("");
  if (room) sessionStorage.setItem("room", room);
}

// ---- messages

function add(room, message) {
  const to = rooms.get(room);
  if (!to) return;
  message.mine ??= false;
  message.state ??= "sent";
  const before = to.messages.at(-1);
  to.messages.push(message);
  if (room === current) log.add(message, before);
  while (to.messages.length > most) {
    release(to.messages.shift());
    if (room === current) log.shift();
  }
  if (!message.note && !message.mine && (room !== current || document.hidden)) {
    to.unread++;
    drawRooms();
  }
  drawEmpty();
}

/**
 * Notes that a person has come or left. What happens between two messages is one line; in
 * it, those who left and came back, as on a short loss of the connection, are not told of.
 */
function note(room, person, step) {
  const to = rooms.get(room);
  if (!to) return;
  const last = to.messages.at(-1);
  const message = last?.note ? last : { note: new Map(), at: Date.now() };
  const { was = person.name, net = 0 } = message.note.get(person.id) ?? {};
  message.note.set(person.id, { was, is: person.name, net: net + step });

  const moved = [...message.note.values()];
  const who = (net) => moved.filter((m) => m.net === net).map((m) => m.is);
  const has = (names, what) => names.length && `${names.join(", ")} ${names.length === 1 ? "has" : "have"} ${what}`;
  message.text = [
    has(who(+1), "come in"), has(who(-1), "left"),
    ...moved.map((m) => m.net === 0 && m.was !== m.is && `${m.was} is ${m.is} now`),
  ].filter(Boolean).join(" · ");
  if (message === last) log.update(message);
  else add(room, message);
}

/** Says something: shown at once, delivered when there is a connection. */
function say(what) {
  const message = {
    id: `${me.id}.${secret().slice(0, 20)}`, from: me, at: Date.now(), mine: true, state: "waiting", ...what,
  };
  if (message.bytes) fill(message, message.bytes);
  add(current, message);
  deliver(current, message);
}

async function deliver(room, message) {
  if (!socket.connected || !rooms.get(room)?.live) return; // entered will
  try {
    message.at = message.picture
      ? await ask("picture", room, message.id, message.bytes)
      : await ask("say", { room, id: message.id, text: message.text });
    message.state = "sent";
    message.bytes = undefined;
  } catch (error) {
    if (!socket.connected) return; // entered will, again; the server knows it by its id
    message.state = "failed";
    message.why = error.message === "operation has timed out" ? "There was no answer." : error.message;
  }
  log.update(message);
}

log.on.retry = (message) => {
  message.state = "waiting";
  log.update(message);
  deliver(current, message);
};

// ---- pictures

async function share(file) {
  if (!here()) return;
  try {
    const { bytes, ...picture } = await prepare(file);
    say({ picture, bytes });
    problem("");
  } catch (error) {
    problem(error.message);
  }
}

const wanted = []; // messages whose pictures are asked for, one after another
let fetching = false;

log.on.want = async (message) => {
  if (message.url || message.coming) return;
  wanted.push([current, message]);
  if (fetching) return;
  fetching = true;
  while (wanted.length) {
    const [room, m] = wanted.shift();
    if (!rooms.get(room)?.messages.includes(m)) continue;
    try {
      if (m.picture.gone) throw new Error("This picture is no longer kept.");
      show(m, await ask("fetch", room, m.id));
    } catch (error) {
      m.lost = error.message;
      log.update(m);
    }
  }
  fetching = false;
};

function show(message, bytes) {
  message.coming = false;
  fill(message, bytes);
  log.update(message);
}

log.on.zoom = (message) => {
  $("zoom-picture").src = message.url;
  $("zoom-picture").alt = `Picture from ${message.from.name}`;
  $("zoom").showModal();
};
$("zoom").addEventListener("close", () => $("zoom-picture").removeAttribute("src"));

// ---- drawing

const buttons = new Map(); // room -> its line in the list, kept so that the focus is

function drawRooms() {
  for (const [room, line] of buttons) {
    if (listed.some((r) => r.name === room)) continue;
    line.element.remove();
    buttons.delete(room);
  }
  let unread = 0;
  for (const { name: room, members } of listed) {
    if (!buttons.has(room)) {
      const line = clone("t-room");
      line.part("room").onclick = () => pick(room);
      line.part("name").textContent = room;
      $("rooms").append(line.element);
      buttons.set(room, line);
    }
    const { part } = buttons.get(room);
    const mine = rooms.get(room);
    const button = part("room");
    const news = mine?.unread ?? 0;
    unread += news;
    button.toggleAttribute("data-joined", Boolean(mine));
    if (room === current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    part("members").textContent = members;
    badge(part("badge"), news);
    part("about").textContent = `, ${counted(members, "person", "people")}${news ? `, ${news} unread` : ""}. `;
  }
  badge($("tab-unread"), unread);
  document.title = `${unread ? `(${unread}) ` : ""}${current ? `${current} · ` : ""}sio chat`;
}

function badge(element, n) {
  element.hidden = n === 0;
  element.textContent = n > 99 ? "99+" : n;
}

/** Draws what is around the messages. */
function drawChat() {
  const room = here();
  $("chat-title").textContent = room ? room.name : "No room";
  $("leave").hidden = !room;
  for (const control of $("composer").elements) control.disabled = !room;
  $("text").placeholder = room ? `Message in ${room.name}` : "Enter a room to write";
  drawEmpty();
  drawPeople();
}

function drawEmpty() {
  const room = here();
  $("empty").hidden = Boolean(room) && (room.messages.some((m) => !m.note) || room.messages.length > 4);
  $("empty-title").textContent = room ? "It is quiet here" : "You are in no room";
  $("empty-text").textContent = room ? "Say hello, or drop a picture." : "Pick one from the list, or make a new one.";
}

function drawPeople() {
  const room = here();
  const people = [...(room?.people.values() ?? [])];
  people.sort((a, b) => (b.id === me?.id) - (a.id === me?.id) || a.name.localeCompare(b.name));
  $("people").replaceChildren(...people.map((person) => {
    const { element, part } = clone("t-person");
    face(part("avatar"), person);
    part("name").textContent = person.name;
    part("tag").textContent = person.id === me?.id ? "you" : "";
    return element;
  }));
  $("chat-sub").textContent = room ? `${counted(people.length, "person", "people")} here` : "";
  $("people-count").textContent = room ? people.length : "";
  $("alone").hidden = people.length !== 1;
  drawTyping();
}

function drawTyping() {
  const typists = here()?.typists ?? new Map();
  for (const [id, { until }] of typists) if (until <= Date.now()) typists.delete(id);
  const names = [...typists.values()].map((t) => t.name);
  const text = names.length === 0 ? "" : names.length > 2 ? "Several people are typing" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing`;
  if ($("typing").textContent !== text) $("typing").textContent = text;
}

function problem(text, where = "problem") {
  $(where).textContent = text;
}

/** On a phone one view is shown at a time. */
function view(to) {
  document.body.dataset.view = to;
  for (const tab of document.querySelectorAll(".tabs button")) {
    if (tab.dataset.view === to) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

// ---- what the user does

const names = [["Calm", "Brisk", "Sunny", "Quiet", "Clever", "Merry", "Gentle", "Lucky"], ["Otter", "Heron", "Maple", "Comet", "Badger", "Lark", "Fern", "Pebble"]];
const oneOf = (list) => list[Math.floor(Math.random() * list.length)];

/** Asks for a name, and says what was wrong with the last one. */
function hello(wrong = "") {
  $("hello-problem").textContent = wrong;
  $("hello-go").disabled = false;
  $("name").value ||= name || names.map(oneOf).join(" ");
  if (!$("hello").open) $("hello").showModal();
  $("name").select();
}

$("hello-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = $("name").value.trim();
  if (!chosen) return;
  if (socket.connected && chosen === name) return $("hello").close();
  name = chosen;
  $("hello-go").disabled = true;
  $("hello-problem").textContent = "";
  socket.disconnect();
  socket.connect();
});
$("hello").addEventListener("close", () => {
  if (!socket.connected) hello(); // there is no chat without a name
  else if (matchMedia("(hover: hover)").matches) $("text").focus();
});
$("me").onclick = () => { $("name").value = name; hello(); };

async function pick(room) {
  view("chat");
  if (rooms.has(room)) return look(room);
  try {
    await enter(room);
  } catch (error) {
    problem(error.message);
  }
}

$("new-room").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = $("room-name");
  if (!field.value.trim()) return field.focus();
  try {
    await enter(field.value);
    field.value = "";
    problem("", "room-problem");
    view("chat");
    $("text").focus();
  } catch (error) {
    problem(socket.connected ? error.message : "There is no connection now.", "room-problem");
  }
});
$("leave").onclick = leave;

const text = $("text");
let told = 0; // when the others were told of our typing

function grow() {
  text.style.height = "0";
  const height = Math.min(160, text.scrollHeight + 2);
  text.style.height = `${height}px`;
  text.style.overflowY = height === 160 ? "auto" : "hidden";
}

text.addEventListener("input", () => {
  grow();
  if (text.value && Date.now() - told > 2000 && socket.connected) {
    told = Date.now();
    socket.volatile.emit("typing", { room: current });
  }
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!text.value.trim() || !here()) return;
  say({ text: text.value.trim() });
  text.value = "";
  told = 0;
  grow();
  text.focus();
});

$("attach").onclick = () => $("file").click();
$("file").addEventListener("change", () => {
  for (const file of $("file").files) share(file);
  $("file").value = "";
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length || $("hello").open) return;
  event.preventDefault();
  files.forEach(share);
});

let inside = 0; // elements that the dragged file has entered and not left
const dragged = (event) => event.dataTransfer?.types.includes("Files") && here();
addEventListener("dragenter", (event) => { if (dragged(event)) document.body.classList.toggle("dragging", ++inside > 0); });
addEventListener("dragleave", (event) => { if (dragged(event)) document.body.classList.toggle("dragging", --inside > 0); });
addEventListener("dragover", (event) => { if (dragged(event)) event.preventDefault(); });
addEventListener("drop", (event) => {
  if (!dragged(event)) return;
  event.preventDefault();
  inside = 0;
  document.body.classList.remove("dragging");
  view("chat");
  [...event.dataTransfer.files].forEach(share);
});

for (const tab of document.querySelectorAll(".tabs button")) tab.onclick = () => view(tab.dataset.view);
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !here()?.unread) return;
  here().unread = 0;
  drawRooms();
});

// ---- start

view("chat");
drawChat();
import("/socket.io/socket.io.esm.min.js").then(connect, () => {
  $("transport").textContent = "not connected";
  $("setup").hidden = false;
});
