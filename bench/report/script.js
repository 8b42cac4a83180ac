"use strict";
(() => {
  const root = document.documentElement;
  const data = document.getElementById("result").textContent;

  // The switch between light and dark. Printed pages are light.
  const theme = document.getElementById("theme");
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (prefers.matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.onclick = () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); };
  prefers.onchange = name;
  name();
  let chosen;
  addEventListener("beforeprint", () => { chosen = root.dataset.theme; root.dataset.theme = "light"; });
  addEventListener("afterprint", () => { if (chosen) root.dataset.theme = chosen; else delete root.dataset.theme; });

  // The result as a file.
  const save = document.getElementById("save");
  save.hidden = false;
  save.onclick = () => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([data], { type: "application/json" }));
    a.download = "sio-bench.json";
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  };

  // The values of a second, at the pointer; all charts over time show the same second.
  const series = JSON.parse(data).series || [];
  if (series.length < 2) return;
  const write = (v, unit) => {
    const three = (x) => x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2);
    switch (unit) {
      case "us": return v >= 1e6 ? three(v / 1e6) + " s" : v >= 1e3 ? three(v / 1e3) + " ms" : three(v) + " µs";
      case "s": return write(v * 1e6, "us");
      case "B": return v >= 2 ** 30 ? three(v / 2 ** 30) + " GiB" : v >= 2 ** 20 ? three(v / 2 ** 20) + " MiB" : three(v / 1024) + " KiB";
    }
    return Number.isInteger(v) || v >= 1000 ? Math.round(v).toLocaleString("en") : three(v);
  };
  const charts = [];
  for (const figure of document.querySelectorAll("figure")) {
    const shows = JSON.parse(figure.dataset.shows) || [];
    if (shows.length === 0) continue;
    const cross = document.createElement("div");
    const tip = document.createElement("div");
    cross.className = "cross";
    tip.className = "tip";
    cross.hidden = tip.hidden = true;
    figure.append(cross, tip);
    charts.push({ figure, shows, cross, tip });
  }
  // The area of the chart that is shown, in pixels of its figure.
  const area = (figure) => {
    const svg = [...figure.querySelectorAll("svg")].find((s) => s.getClientRects().length > 0);
    const [x, y, w, h, from, to] = svg.dataset.area.split(" ").map(Number);
    const box = svg.getBoundingClientRect(), outer = figure.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    return { x: box.left - outer.left + x * scale, y: box.top - outer.top + y * scale, w: w * scale, h: h * scale, from, to };
  };
  const hide = () => { for (const c of charts) c.cross.hidden = c.tip.hidden = true; };
  const show = (over, i) => {
    const s = series[i], span = s.t_s - (i > 0 ? series[i - 1].t_s : 0);
    for (const c of charts) {
      const a = area(c.figure);
      const x = a.x + a.w * (s.t_s - a.from) / (a.to - a.from);
      c.cross.style.left = x + "px";
      c.cross.style.top = a.y + "px";
      c.cross.style.height = a.h + "px";
      c.cross.hidden = false;
      c.tip.hidden = c !== over;
      if (c !== over) continue;
      const list = document.createElement("dl");
      for (const { name, path, unit } of c.shows) {
        let v = path.split(".").reduce((o, k) => o && o[k], s);
        if (v === undefined || unit === "us" && v === 0) continue;
        if (unit === "1/s") v = Math.round(v / span);
        const dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = name;
        dd.textContent = write(v, unit);
        list.append(dt, dd);
      }
      const when = document.createElement("p");
      when.textContent = s.t_s.toFixed(1) + " s, " + s.phase;
      c.tip.replaceChildren(when, list);
      const width = c.tip.offsetWidth, room = c.figure.clientWidth;
      c.tip.style.left = Math.max(4, x + 12 + width > room ? x - 12 - width : x + 12) + "px";
      c.tip.style.top = a.y + 6 + "px";
    }
  };
  for (const c of charts) {
    c.figure.addEventListener("pointermove", (e) => {
      const a = area(c.figure);
      const t = a.from + (e.clientX - c.figure.getBoundingClientRect().left - a.x) / a.w * (a.to - a.from);
      let i = 0;
      while (i + 1 < series.length && Math.abs(series[i + 1].t_s - t) <= Math.abs(series[i].t_s - t)) i++;
      show(c, i);
    });
    c.figure.addEventListener("pointerleave", hide);
  }
})();
