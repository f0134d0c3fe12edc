// The node's page. It reads the same API as everybody, redraws a part when an event says that it changed, and never
// sends a command: votes need the organisation's key, which is not in a browser. No text becomes HTML.
"use strict";

const docs = {};          // last document by name
const open = new Set();   // <details> that the reader has opened
let token = "";

const paths = { status: "/api/v1/status", peers: "/api/v1/peers", topology: "/api/v1/topology", roster: "/api/v1/roster",
                requests: "/api/v1/requests", runs: "/api/v1/runs", evidence: "/api/v1/evidence" };
const affected = { status: ["status"], peer: ["peers", "topology", "status"], roster: ["roster", "requests", "status"],
                   request: ["requests", "status"], run: ["runs", "status"], round: ["runs"], evidence: ["evidence", "status"],
                   reset: Object.keys(paths) };

function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
const byId = (id) => document.getElementById(id);
const fill = (id, ...children) => byId(id).replaceChildren(...children.flat(3).filter(Boolean));
const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}
function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) { n /= 1000; ++i; }
  return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}
const until = (unixSeconds) => unixSeconds - Date.now() / 1000;

function say(text) { byId("said").textContent = text; }

function command(text) {
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); }
    catch { getSelection().selectAllChildren(code); say("Selected; press Ctrl+C"); return; }
    button.textContent = "Copied";
    say("Copied the command");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  const code = h("code", { tabindex: "0" }, text);
  const button = h("button", { type: "button", on: copy, "aria-label": `Copy the command: ${text}` }, "Copy");
  return h("div", { class: "command" }, code, button);
}

function remember(id, ...children) {
  const details = h("details", { open: open.has(id) }, ...children);
  details.addEventListener("toggle", () => details.open ? open.add(id) : open.delete(id));
  return details;
}

// ---- parts of the page

function drawHead(s) {
  document.title = `${s.org || "Hansa"} · ${s.ready ? "ready" : "not ready"}`;
  byId("org").textContent = s.org || "This node";
  byId("consortium").textContent = s.consortium || "no consortium yet";
  byId("words").textContent = s.words;
  byId("node").textContent = s.short_id ? `node ${s.short_id}` : "";
  byId("ready").textContent = s.ready ? "ready" : s.draining ? "draining" : "not ready";
  byId("ready").className = `pill ${s.ready ? "good" : "bad"}`;
  byId("version").textContent = `hansa ${s.version}`;
  const notice = (kind, name, text) => h("p", { class: `notice ${kind}` }, h("b", {}, name), " ", text);
  fill("notices", s.fork ? notice("bad", "Fork:", s.fork) : null,
       s.reasons.map((reason) => notice("bad", "Not ready:", reason)), s.warnings.map((warning) => notice("", "Soon:", warning)));
}

function drawTiles(s) {
  const left = until(s.roster_expires_at);
  const tile = (name, value, note, kind) =>
    h("div", { class: kind || null }, h("dt", {}, name), h("dd", {}, value, note ? h("small", {}, note) : null));
  const waiting = s.pending_requests + s.open_proposals;
  fill("tiles",
    tile("Peers alive", `${s.peers_alive} of ${s.peers_total}`, plural(s.orgs, "organisation"), s.peers_alive < s.peers_total ? "warn" : ""),
    tile("Runs active", String(s.runs_active), ""),
    tile("Roster", s.roster_version ? `version ${s.roster_version}` : "none", s.roster_hash ? s.roster_hash.slice(0, 8) : ""),
    tile("Roster expires", s.roster_expires_at ? (left > 0 ? `in ${duration(left)}` : "expired") : "–",
         s.roster_expires_at ? new Date(s.roster_expires_at * 1000).toISOString().slice(0, 10) : "",
         !s.roster_expires_at ? "" : left < 0 ? "bad" : left < 14 * 86400 ? "warn" : ""),
    tile("Waiting for people", String(waiting), waiting ? `${plural(s.open_proposals, "vote")}, ${plural(s.pending_requests, "request")}` : "", waiting ? "warn" : ""),
    tile("Evidence", String(s.evidence), "", s.evidence ? "bad" : ""),
    tile("Up", duration(s.uptime_seconds), `boot ${s.boot_id}`));
}

const runKinds = { running: "live", complete: "good", proposed: "warn", diverged: "bad", failed: "bad", stopped: "", expired: "" };

function roundsTable(history) {
  const rows = history.slice(-12).reverse().map((r) => h("tr", {}, h("td", {}, String(r.round)), h("td", { class: "num" }, shortNumber(r.loss)),
    h("td", { class: "num" }, shortNumber(r.metric)), h("td", { class: "num" }, String(r.participants)), h("td", {}, r.missing.join(", ") || "nobody")));
  return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Round"), h("th", { class: "num" }, "Loss"),
    h("th", { class: "num" }, "Metric"), h("th", { class: "num" }, "Parties"), h("th", {}, "Missing"))), h("tbody", {}, rows)));
}

function drawRun(run) {
  const id = run.id.slice(0, 8);
  const full = docs["run " + run.id];
  const history = full ? full.history : [];
  const loss = history.filter((r) => r.loss !== null).map((r) => [r.round, r.loss]);
  const metric = history.filter((r) => r.metric !== null).map((r) => [r.round, r.metric]);
  const card = h("article", { class: "run" },
    h("div", { class: "run-head" }, h("h3", {}, run.name || id), h("span", { class: `badge ${runKinds[run.state] || ""}` }, run.state)),
    h("p", { class: "facts" }, [id, run.model, run.strategy, `${run.aggregation} aggregation`, `proposed by ${run.proposer}`].filter(Boolean).join(" · ")));
  if (run.state === "running" || run.state === "complete") card.append(
    h("progress", { max: Math.max(1, run.rounds), value: run.round, "aria-label": `round ${run.round} of ${run.rounds}` }),
    h("p", { class: "awaited" }, `Round ${run.round} of ${run.rounds}`,
      run.state === "running" && run.waiting_for.length ? h("span", { class: "warn" }, ` · waiting for ${run.waiting_for.join(", ")}`) : ""));
  if (run.state === "proposed") card.append(
    h("p", { class: "awaited" }, `Approved by ${run.approvals.join(", ") || "nobody yet"}; waiting for `, h("b", {}, run.waiting_for.join(", ") || "the start"),
      `. Open for another ${duration(until(run.approve_by))}.`));
  if (run.failure) card.append(h("p", { class: "bad" }, `This node does not train: ${run.failure}`));
  if (loss.length || metric.length) card.append(h("div", { class: "charts" }, loss.length ? curve("Loss here", "loss", loss, run.rounds) : null,
    metric.length ? curve(`${run.metric_name === "auc" ? "AUC" : run.metric_name || "Metric"} here`, "metric", metric, run.rounds) : null));
  card.append(h("ul", { class: "parties", "aria-label": "Parties" }, run.parties.map((party) => h("li",
    { class: run.waiting_for.includes(party.name) ? "awaiting" : null }, party.name, h("small", {}, party.state)))));
  if (run.state === "complete" && run.model_hash) {
    const same = run.parties.filter((party) => party.model_hash === run.model_hash).length;
    card.append(h("p", { class: "facts" }, `Model ${run.model_hash.slice(0, 16)}, the same at ${same} of ${run.parties.length}`));
  }
  if (history.length) card.append(remember("rounds " + run.id, h("summary", {}, "Last rounds"), roundsTable(history)));
  if (full && (full.privacy.length || full.manifest)) card.append(remember("about " + run.id, h("summary", {}, "Who learns what, and the manifest"),
    full.privacy.map((line) => h("p", {}, line)), full.manifest ? h("pre", { tabindex: "0" }, full.manifest) : null));
  if (run.state === "proposed" && !run.approved_here) card.append(command(`hansa run approve ${id} --data FILE`));
  else if (run.state === "running") card.append(command(`hansa run watch ${id}`));
  else if (run.state === "complete") card.append(command(`hansa model export ${id} -o ${(run.name || id).replace(/[^\w.-]/g, "_")}.npz`));
  return card;
}

function drawRuns() {
  const runs = docs.runs ? docs.runs.runs : [];
  const order = { running: 0, proposed: 1 };
  const sorted = [...runs].sort((a, b) => (order[a.state] ?? 2) - (order[b.state] ?? 2));
  const shown = sorted.slice(0, 12);
  fill("runs", shown.map(drawRun), runs.length > shown.length ? h("p", { class: "muted" }, `and ${runs.length - shown.length} older: hansa run ls`) : null,
       runs.length ? null : [h("p", { class: "empty" }, "No run yet. A run is proposed with its configuration file:"), command("hansa run propose RUN.toml")]);
}

function drawMesh() {
  fill("mesh", docs.topology ? [meshPicture(docs.topology), h("p", { class: "key" }, h("span", {}, "nearer: shorter round trip"),
    h("span", {}, "thicker: more bytes"), h("span", { class: "good" }, "under 20 ms"), h("span", { class: "warn" }, "slower"),
    h("span", { class: "bad" }, "dotted: no connection"))] : null);
  const peers = docs.peers ? docs.peers.peers : [];
  const kind = { alive: "good", suspect: "warn", draining: "warn" };
  const rows = peers.map((peer) => h("tr", {}, h("td", {}, peer.org, " ", h("span", { class: "mono muted small" }, peer.short_id)),
    h("td", { class: peer.quarantined ? "bad" : kind[peer.state] || "bad" }, peer.quarantined ? "kept out" : peer.state), h("td", { class: "num" }, peer.rtt_ms === null ? "–" : milliseconds(peer.rtt_ms)),
    h("td", { class: "num" }, bytes(peer.bytes_sent + peer.bytes_received))));
  fill("peers", peers.length ? h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Peer"), h("th", {}, "State"),
    h("th", { class: "num" }, "Round trip"), h("th", { class: "num" }, "Bytes"))), h("tbody", {}, rows))) : h("p", { class: "empty" }, "No other node yet."));
}

function drawVotes() {
  const requests = docs.requests ? docs.requests.requests : [];
  const proposals = docs.roster ? docs.roster.proposals : [];
  const cards = requests.map((r) => h("article", { class: "card" }, h("h3", {}, `${r.org} asks to join`),
    h("p", { class: "words" }, r.words), h("p", { class: "small muted" }, `Compare these six words by telephone. Asked ${duration(r.age_seconds)} ago.`),
    command(`hansa roster approve ${r.id}`)));
  for (const p of proposals) {
    const missing = Math.max(0, p.needed - p.approvals.length);
    cards.push(h("article", { class: "card" }, h("h3", {}, p.changes.join("; ")), h("p", { class: "small muted" }, `${p.id.slice(0, 8)} · proposed by ${p.proposer}`),
      h("p", { class: "votes" }, p.needed ? h("span", { class: "ballots good", "aria-hidden": "true" }, "●".repeat(p.approvals.length) + "○".repeat(missing)) : null,
        h("span", {}, `${p.approvals.length}${p.needed ? " of " + p.needed : ""} for: ${p.approvals.join(", ") || "nobody"}`),
        p.rejections.length ? h("span", { class: "bad" }, `against: ${p.rejections.join(", ")}`) : null),
      command(`hansa roster approve ${p.id.slice(0, 8)}`)));
  }
  fill("votes", cards.length ? [cards, h("p", { class: "small muted" }, "Approving signs with the organisation's key. It is kept off this node, so run the command where it is.")]
                             : h("p", { class: "empty" }, "Nothing to vote on."));
}

function drawRoster() {
  const r = docs.roster;
  if (!r || !r.version) return fill("roster", h("p", { class: "empty" }, "This node belongs to no consortium yet."), command("hansa join TICKET"));
  const kind = { active: "good", suspended: "bad", paused: "warn" };
  fill("roster", h("p", { class: "muted small" }, [`version ${r.version}`, r.policy, r.threshold ? `${plural(r.threshold, "signature")} change it` : ""].filter(Boolean).join(" · ")),
    h("ul", { class: "orgs" }, r.orgs.map((org) => h("li", {}, h("div", { class: "line" }, h("b", {}, org.name),
      h("span", { class: `small ${kind[org.status] || ""}` }, org.status)), h("div", { class: "small muted" }, org.words)))),
    r.suspensions.map((text) => h("p", { class: "small bad" }, text)));
}

function drawEvidence() {
  const list = docs.evidence ? docs.evidence.evidence : [];
  fill("evidence", list.length ? list.map((e) => h("article", { class: "card" }, h("h3", { class: "bad" }, e.about || e.kind), h("p", {}, e.text),
    h("p", { class: "small muted" }, `${e.kind} · seen ${duration(-until(e.seen_at))} ago`))) : h("p", { class: "empty" }, "No proof of misbehaviour."));
}

const draw = { status: () => { drawHead(docs.status); drawTiles(docs.status); }, peers: drawMesh, topology: drawMesh,
               roster: () => { drawRoster(); drawVotes(); }, requests: drawVotes, runs: drawRuns, evidence: drawEvidence };

// ---- reading

async function read(path) {
  const answer = await fetch(path, { headers: token ? { "X-Hansa-Token": token } : {}, cache: "no-store" });
  if (answer.status === 401) { byId("token-form").hidden = false; throw new Error("token"); }
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  byId("token-form").hidden = true;
  return answer.json();
}

/** Reads a document and draws it, unless it is as it was: then a reader's place and focus stay. */
async function refresh(name) {
  const document = await read(paths[name]);
  if (name === "runs") {
    const wanted = document.runs.filter((run) => run.round > 0 || run.state === "proposed").slice(0, 8);
    await Promise.all(wanted.map(async (run) => { docs["run " + run.id] = await read(`/api/v1/runs/${run.id}`); }));
  }
  const text = JSON.stringify(document);
  if (docs[name] && text === docs[name].text) return;
  docs[name] = document;
  Object.defineProperty(document, "text", { value: text });
  const at = window.document.activeElement, label = at && at.getAttribute && at.getAttribute("aria-label");
  draw[name]();
  if (label && !at.isConnected) for (const node of window.document.querySelectorAll("[aria-label]")) if (node.getAttribute("aria-label") === label) { node.focus(); break; }
}

const stale = new Set();
let timer = 0;
function reload(names) {
  for (const name of names) stale.add(name);
  if (timer) return;
  timer = setTimeout(async () => {
    const now = [...stale];
    stale.clear();
    const results = await Promise.allSettled(now.map(refresh));
    timer = 0;
    now.forEach((name, i) => { if (results[i].status === "rejected") stale.add(name); });
  }, 150);
}

function link(live, text) {
  byId("link").className = live ? "link live" : "link";
  byId("link").textContent = text;
}

function listen() {
  if (token) { setInterval(() => reload(Object.keys(paths)), 2000); link(true, "every 2 s"); return; }
  const source = new EventSource("/api/v1/events");
  source.onopen = () => { link(true, "live"); reload(Object.keys(paths)); };
  source.onerror = () => {
    link(false, "no connection; trying again");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  for (const name of Object.keys(affected)) source.addEventListener(name, () => reload(affected[name]));
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  reload(Object.keys(paths));
  listen();
});
setInterval(() => { if (docs.status) drawTiles(docs.status); if (!byId("link").classList.contains("live")) return; reload(["status"]); }, 10000);
reload(Object.keys(paths));
listen();
