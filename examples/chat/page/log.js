// The messages of the room that is looked at.

import { $, clone, face, hue, make } from "./dom.js";

const log = $("log");
const list = $("messages");
const grouped = 5 * 60_000; // messages of one person within this stand together

let drawn = new WeakMap(); // message -> { element, part }
let bottom = true; // the newest message is in view, and stays so
let waiting = 0; // messages that came below what is in view

/** Set by the application: what to do on request. */
export const on = {
  retry() {}, // of a message that failed
  want() {}, // of a message whose picture is about to be seen
  zoom() {},
};

const eye = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    eye.unobserve(target);
    on.want(target.message);
  }
}, { root: log, rootMargin: "400px" });

/** Shows messages in place of those that are shown. */
export function show(messages) {
  log.ariaLive = "off"; // nobody wants to hear all of them again
  eye.disconnect();
  drawn = new WeakMap();
  list.replaceChildren(...messages.map((m, i) => element(m, messages[i - 1])));
  down();
  requestAnimationFrame(() => requestAnimationFrame(() => { log.ariaLive = "polite"; }));
}

/** Adds a message behind those that are shown. */
export function add(message, before) {
  list.append(element(message, before));
  if (bottom || message.mine) down();
  else if (!message.note) jump(waiting + 1);
}

/** Takes the first message away. */
export function shift() {
  const { offsetHeight } = list;
  list.firstElementChild?.remove();
  if (!bottom) log.scrollTop -= offsetHeight - list.offsetHeight;
}

/** Draws what has changed of a message. */
export function update(message) {
  const parts = drawn.get(message);
  if (parts && message.note) parts.element.textContent = message.text;
  else if (parts) state(message, parts);
}

function element(message, before) {
  if (message.note) {
    const line = make("li", "note", message.text);
    drawn.set(message, { element: line });
    return line;
  }
  const parts = clone("t-message");
  const { element, part } = parts;
  const { from, at } = message;
  element.classList.toggle("mine", message.mine);
  element.classList.toggle("more", before?.from?.id === from.id && at - before.at < grouped);
  face(part("avatar"), from);
  part("who").textContent = from.name;
  part("who").style.setProperty("--hue", hue(from.id));
  links(part("text"), message.text ?? "");
  if (message.picture) part("bubble").insertBefore(picture(message), part("text"));
  part("failure").querySelector("button").onclick = () => on.retry(message);
  drawn.set(message, parts);
  state(message, parts);
  return element;
}

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const marks = { waiting: ["i-wait", "not yet delivered"], sent: ["i-tick", "delivered"], failed: ["i-alert", "not delivered"] };

/** Draws what may change of a message: time, mark, picture. */
function state(message, { element, part }) {
  const time = element.querySelector("time");
  const at = new Date(message.at);
  time.textContent = hour.format(at);
  time.dateTime = at.toISOString();
  time.title = full.format(at);

  if (message.mine) {
    const [icon, words] = marks[message.state];
    element.dataset.state = message.state;
    part("mark").hidden = false;
    part("mark").title = words;
    part("mark").querySelector("use").setAttribute("href", `#${icon}`);
    part("mark").lastElementChild.textContent = words;
    part("failure").hidden = message.state !== "failed";
    part("failure").firstElementChild.textContent = message.why ?? "";
  }
  if (message.picture) {
    const button = part("picture");
    const image = button.querySelector("img");
    button.disabled = !message.url;
    if (message.url && image.src !== message.url) image.src = message.url;
    button.lastElementChild.textContent = message.lost ?? "";
  }
}

/** The frame of a picture. It has its size before the bytes are there: nothing jumps. */
function picture(message) {
  const { element } = clone("t-picture");
  const { width, height } = message.picture;
  element.style.setProperty("--w", width);
  element.style.setProperty("--h", height);
  element.querySelector("img").alt = `Picture from ${message.from.name}`;
  element.onclick = () => on.zoom(message);
  element.message = message;
  if (!message.url) eye.observe(element);
  return element;
}

/** Text with its web addresses as links. */
function links(to, text) {
  for (const piece of text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)'])/)) {
    if (/^https?:\/\//.test(piece)) {
      const link = make("a", "", piece);
      link.href = piece;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      to.append(link);
    } else {
      to.append(piece);
    }
  }
}

function jump(n) {
  waiting = n;
  $("jump").hidden = n === 0;
  $("jump").lastElementChild.textContent = n === 1 ? "1 new message" : `${n} new messages`;
}

function down() {
  log.scrollTop = log.scrollHeight;
  bottom = true;
  jump(0);
}

$("jump").onclick = () => { down(); log.focus({ preventScroll: true }); };
log.addEventListener("scroll", () => {
  bottom = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  if (bottom && waiting) jump(0);
}, { passive: true });
new ResizeObserver(() => { if (bottom) down(); }).observe(log);
