// Shows the values under the pointer, or under the arrow keys. The page says the same without it.
"use strict";
for (const plot of document.querySelectorAll(".plot[data-readings]")) {
  const readings = JSON.parse(plot.dataset.readings);
  const names = JSON.parse(plot.dataset.names);
  if (readings.length === 0) continue;

  const line = document.createElement("div");
  const box = document.createElement("div");
  line.className = "crosshair";
  box.className = "readout";
  box.setAttribute("role", "status");
  line.hidden = box.hidden = true;
  plot.append(line, box);
  plot.tabIndex = 0;
  let shown = -1;

  const show = (at) => {
    if (at === shown) return;
    shown = at;
    const [share, place, values] = readings[at];
    const rows = values.map((value, n) => [names[n], value]).reverse();
    box.replaceChildren(...[["", place], ...rows].map(([name, value]) => {
      const row = document.createElement("div");
      const label = document.createElement("span");
      label.textContent = name;
      row.append(label, value);
      return row;
    }));
    line.hidden = box.hidden = false;
    line.style.left = `${share * 100}%`;
    box.style.left = share < 0.5 ? `calc(${share * 100}% + 12px)` : "auto";
    box.style.right = share < 0.5 ? "auto" : `calc(${(1 - share) * 100}% + 12px)`;
  };
  const hide = () => { line.hidden = box.hidden = true; shown = -1; };

  plot.addEventListener("pointermove", (event) => {
    const area = plot.getBoundingClientRect();
    const share = (event.clientX - area.left) / area.width;
    let [low, high] = [0, readings.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (readings[middle][0] < share) low = middle; else high = middle;
    }
    show(Math.abs(readings[low][0] - share) < Math.abs(readings[high][0] - share) ? low : high);
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    show(Math.max(0, Math.min(readings.length - 1, shown + step)));
  });
}
