
// Drawings in SVG: curves over rounds, and this node's part of the mesh. Functions only; dashboard.js calls them.

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A step of 1, 2 or 5 times a power of ten that cuts `span` into about `parts`. */
function niceStep(span, parts) {
  const raw = span / parts;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find((step) => step * power >= raw) || 10);
}

function shortNumber(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 100000) ? value.toExponential(2) : String(+value.toPrecision(4));
}

function milliseconds(value) { return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`; }

/** points: [[round, value], ...] in order of rounds. `kind` is "loss" or "metric". */
function curve(title, kind, points, rounds) {
  const width = 330, height = 150, left = 44, right = 10, top = 10, bottom = 24;
  const last = points[points.length - 1];
  const caption = document.createElement("figcaption");
  const strong = document.createElement("b");
  strong.textContent = shortNumber(last[1]);
  caption.append(title, strong);

  let low = Math.min(...points.map((p) => p[1])), high = Math.max(...points.map((p) => p[1]));
  if (high - low < 1e-9) { low -= 0.5 * Math.max(1e-3, Math.abs(low)); high += 0.5 * Math.max(1e-3, Math.abs(high)); }
  const step = niceStep(high - low, 3);
  low = Math.floor(low / step) * step;
  high = Math.ceil(high / step) * step;
  const begin = Math.min(1, points[0][0]);  // round 0 is the model before training
  const end = Math.max(rounds, last[0], begin + 1);
  const x = (round) => left + (width - left - right) * (round - begin) / (end - begin);
  const y = (value) => top + (height - top - bottom) * (high - value) / (high - low);

  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${title}: ${shortNumber(points[0][1])} in round ${points[0][0]}, ` +
                  `${shortNumber(last[1])} in round ${last[0]} of ${rounds}` });
  for (let i = 0; low + i * step <= high + step / 2; ++i) {
    const value = low + i * step;
    picture.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
                   svg("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, shortNumber(value)));
  }
  for (const round of [begin, Math.round((end + begin) / 2), end])
    picture.append(svg("text", { x: x(round), y: height - 6, "text-anchor": round === end ? "end" : round === begin ? "start" : "middle" },
                       round === begin ? `round ${begin}` : String(round)));
  picture.append(
    svg("path", { class: `curve ${kind}`, d: points.map((p, i) => `${i ? "L" : "M"}${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join("") }),
    svg("circle", { class: `dot ${kind}`, cx: x(last[0]), cy: y(last[1]), r: 4 }));
  const figure = document.createElement("figure");
  figure.append(caption, picture);
  return figure;
}

/** This node in the middle, the others around it: the nearer, the shorter the round trip; the thicker the line, the
    more bytes. */
function meshPicture(topology) {
  const width = 400, height = 330, cx = width / 2, cy = height / 2;
  const self = topology.nodes.find((node) => node.self);
  const others = topology.nodes.filter((node) => !node.self);
  const edges = new Map(topology.edges.map((edge) => [edge.to, edge]));
  const trips = topology.edges.map((edge) => edge.rtt_ms).filter((rtt) => rtt !== null);
  const slowest = Math.max(1, ...trips);
  const most = Math.max(1, ...topology.edges.map((edge) => edge.bytes));
  const places = others.map((node, i) => {
    const edge = edges.get(node.id);
    const angle = -Math.PI / 2 + Math.PI / 5 + 2 * Math.PI * i / others.length;
    const far = !edge ? 1 : edge.rtt_ms === null ? 0.8 : 0.7 + 0.3 * Math.log1p(edge.rtt_ms) / Math.log1p(slowest);
    return { node, edge, x: cx + Math.cos(angle) * far * 155, y: cy + Math.sin(angle) * far * 115 };
  });
  const words = others.map((node) => `${node.name} ${node.state}` +
    (edges.get(node.id)?.rtt_ms != null ? ` ${milliseconds(edges.get(node.id).rtt_ms)}` : ""));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `This node and ${others.length} others: ${words.join(", ")}` });
  for (const place of places) {
    const rtt = place.edge ? place.edge.rtt_ms : null;
    const speed = !place.edge ? "lost" : rtt === null ? "" : rtt < 20 ? "fast" : "slow";
    picture.append(svg("line", { class: `edge ${speed}`, x1: cx, y1: cy, x2: place.x, y2: place.y,
      "stroke-width": place.edge ? (1.5 + 3.5 * Math.sqrt(place.edge.bytes / most)).toFixed(1) : 1.5 }));
  }
  if (others.length <= 12)
    for (const place of places)
      if (place.edge && place.edge.rtt_ms !== null)
        picture.append(svg("text", { class: "halo", x: cx + 0.6 * (place.x - cx), y: cy + 0.6 * (place.y - cy) + 4, "text-anchor": "middle" },
                           milliseconds(place.edge.rtt_ms)));
  const label = (x, y, name, state) => {  // away from the middle, so that no line runs through it
    const first = y < cy ? y - (state ? 33 : 18) : y + 27;
    picture.append(svg("text", { class: "name halo", x, y: first, "text-anchor": "middle" }, name));
    if (state) picture.append(svg("text", { class: "halo", x, y: first + 15, "text-anchor": "middle" }, state));
  };
  for (const place of places) {
    picture.append(svg("circle", { class: `spot ${place.node.state}`, cx: place.x, cy: place.y, r: others.length > 24 ? 6 : 10 }));
    if (others.length <= 24) label(place.x, place.y, place.node.name, place.node.state === "alive" ? "" : place.node.state);
  }
  if (self) {
    picture.append(svg("circle", { class: "spot self", cx, cy, r: 11 }));
    label(cx, cy, self.name, "");
  }
  return picture;
}
