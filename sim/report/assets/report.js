// Comfort on top of a page that is complete without it: theme switch, values under the pointer, sorting, and
// the links of the party under the pointer. No library, no network.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const data = JSON.parse(document.getElementById("data").textContent);

  // Theme: the system's choice until the reader makes one; #dark and #light in the address win.
  const button = document.getElementById("theme");
  const systemDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
  const isDark = () => (root.dataset.theme || (systemDark() ? "dark" : "light")) === "dark";
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  const wanted = location.hash.slice(1);
  if (wanted === "dark" || wanted === "light") root.dataset.theme = wanted;
  else {
    try {
      const stored = localStorage.getItem("hansa-theme");
      if (stored === "dark" || stored === "light") root.dataset.theme = stored;
    } catch { /* storage is off: keep the system's choice */ }
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("hansa-theme", root.dataset.theme); } catch { /* as above */ }
    label();
  });
  label();

  // One tooltip for everything; text only, so that no name from the data is ever read as HTML.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const showTip = (text, event) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const right = event.clientX + 14 + box.width < innerWidth;
    tip.style.left = Math.max(4, right ? event.clientX + 14 : event.clientX - 14 - box.width) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 4)) + "px";
  };
  const hideTip = () => { tip.hidden = true; };

  const names = {
    mean: "mean of parties", low: "lowest party", high: "highest party", average_model: "average model",
    consensus: "distance", loss: "loss",
  };
  const text = (value) => value === null ? "–" : Math.abs(value) >= 1e-3 || value === 0
    ? value.toLocaleString("en", { maximumSignificantDigits: 4 }) : value.toExponential(2);

  for (const plot of document.querySelectorAll(".plot")) {
    const axis = data.x[plot.dataset.x];
    const low = Number(plot.dataset.low);
    const high = Number(plot.dataset.high);
    const cursor = plot.querySelector(".cursor");
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const x = low + (event.clientX - box.left) / box.width * (high - low);
      let best = 0;
      axis.values.forEach((value, i) => {
        if (Math.abs(value - x) < Math.abs(axis.values[best] - x)) best = i;
      });
      cursor.style.left = (axis.values[best] - low) / (high - low) * 100 + "%";
      cursor.style.display = "block";
      const lines = ["round " + data.round[best].toLocaleString("en")];
      if (plot.dataset.x !== "round") lines.push(axis.label + ": " + text(axis.values[best]));
      for (const key of plot.dataset.y.split(" ")) lines.push(names[key] + ": " + text(data.y[key][best]));
      showTip(lines.join("\n"), event);
    });
    plot.addEventListener("pointerleave", () => { cursor.style.display = "none"; hideTip(); });
  }

  // The party under the pointer and its links.
  const graph = document.querySelector(".square svg");
  if (graph) {
    const nodes = [...graph.querySelectorAll(".node")];
    const lit = graph.querySelector(".lit");
    const place = nodes.map((node) => node.getAttribute("cx") + " " + node.getAttribute("cy"));
    nodes.forEach((node, i) => {
      const title = node.querySelector("title");
      const words = title.textContent;
      title.remove();
      node.setAttribute("aria-label", words);
      node.addEventListener("pointermove", (event) => showTip(words, event));
      node.addEventListener("pointerenter", () => {
        const links = data.edges.filter(([a, b]) => a === i || b === i);
        lit.setAttribute("d", links.map(([a, b]) => "M" + place[a] + "L" + place[b]).join(""));
      });
      node.addEventListener("pointerleave", () => { lit.setAttribute("d", ""); hideTip(); });
    });
  }

  // Sorting: by number where cells carry one, else by text; rows without a value stay at the end.
  for (const table of document.querySelectorAll("table.parties")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const control = head.querySelector("button");
      if (!control) return;
      control.addEventListener("click", () => {
        const numeric = head.classList.contains("num");
        const was = head.getAttribute("aria-sort");
        const descending = was ? was === "ascending" : numeric;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const sign = descending ? -1 : 1;
        const rows = [...table.tBodies[0].rows].map((row) => ({ row, cell: row.cells[column] }));
        rows.sort((a, b) => {
          if (!numeric) {
            return sign * a.cell.textContent.localeCompare(b.cell.textContent, "en", { numeric: true });
          }
          const x = a.cell.dataset.v, y = b.cell.dataset.v;
          if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
          return sign * (Number(x) - Number(y));
        });
        table.tBodies[0].append(...rows.map(({ row }) => row));
      });
    });
  }
})();
