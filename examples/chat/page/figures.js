// The server's figures over the last two minutes, each as a number and a line.

import { $, clone } from "./dom.js";

const seconds = 120;
const width = 120;
const height = 30;

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const rate = (n) => (n < 9.95 ? n.toFixed(1).replace(/\.0$/, "") : compact.format(Math.round(n)));
const megabytes = (n) => (n === 0 ? "?" : (n / 2 ** 20).toFixed(n < 10 * 2 ** 20 ? 1 : 0));

// first is drawn as a line, second as a dashed one; floor is what the upper end stands for
// at least, so that little noise stays little. text is a number and its unit.
const shown = [
  {
    label: "Clients / TCP", first: (s) => s.clients, second: (s) => s.connections, floor: 4,
    text: (s) => [`${s.clients} / ${s.connections}`, ""],
  },
  { label: "Events in", first: (s) => s.events, floor: 5, text: (s) => [rate(s.events), "/s"] },
  { label: "Deliveries out", first: (s) => s.deliveries, floor: 5, text: (s) => [rate(s.deliveries), "/s"] },
  {
    label: "Heap / RSS", first: (s) => s.heap, second: (s) => s.rss, floor: 0,
    text: (s) => [`${megabytes(s.heap)} / ${megabytes(s.rss)}`, "MB"],
  },
];

const rows = shown.map((figure) => {
  const { element, part } = clone("t-figure");
  element.querySelector("dt").textContent = figure.label;
  const [value, unit] = element.querySelector("dd").children;
  value.textContent = "–";
  $("figures").append(element);
  return { figure, value, unit, area: part("area"), first: part("first"), second: part("second") };
});

/** Draws what comes on a socket of the namespace "/stats". */
export function watch(socket) {
  const stale = (yes) => $("figures").parentElement.classList.toggle("stale", yes);
  let samples = [];
  let fresh = false; // the next samples are all that the server has
  socket.on("connect", () => { fresh = true; });
  socket.on("disconnect", () => stale(true));
  socket.on("figures", (came) => {
    samples = fresh ? came ?? [] : [...samples, ...came].slice(-seconds - 1);
    fresh = false;
    if (samples.length === 0) return;
    stale(false);
    for (const row of rows) draw(row, samples);
  });
}

function draw({ figure, value, unit, area, first, second }, samples) {
  const last = samples.at(-1);
  [value.textContent, unit.textContent] = figure.text(last);

  const highest = Math.max(figure.floor, ...samples.map((s) => Math.max(figure.first(s), figure.second?.(s) ?? 0)));
  const x = (s) => (width - ((last.at - s.at) / 1000) * (width / seconds)).toFixed(1);
  const line = (of) => samples.map((s, i) => `${i ? "L" : "M"}${x(s)} ${(height - 1 - (of(s) / (highest * 1.08 || 1)) * (height - 2)).toFixed(1)}`).join("");

  const path = line(figure.first);
  first.setAttribute("d", path);
  area.setAttribute("d", `${path}V${height}H${x(samples[0])}Z`);
  if (figure.second && figure.second(last) > 0) second.setAttribute("d", line(figure.second));
}
