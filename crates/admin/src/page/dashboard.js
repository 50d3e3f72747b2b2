// The page of a running balancer: the state of everything once a second, by server-sent events. No library, no network but
// the balancer's own. Rates are differences of two states over the time between them.

const HISTORY = 300;
// The curve is drawn over so many seconds at least.
const CURVE_MIN = 60;
const NEWS_MAX = 50;
const ROUTES_MAX = 20;
const at = (id) => document.getElementById(id);

// ---- words

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const number = (value) => (value >= 100 || Number.isInteger(value) ? whole : tenth).format(value);
const share = (part, all) => (all > 0 ? `${whole.format((100 * part) / all)} %` : "–");

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${number(value)} ${units[unit]}`;
}

function brief(seconds) {
  if (seconds < 0.001) return `${number(seconds * 1e6)} µs`;
  if (seconds < 1) return `${number(seconds * 1e3)} ms`;
  return `${number(seconds)} s`;
}

function span(seconds) {
  if (seconds < 120) return `${whole.format(seconds)} s`;
  if (seconds < 7200) return `${whole.format(seconds / 60)} min`;
  if (seconds < 172800) return `${whole.format(seconds / 3600)} h`;
  return `${whole.format(seconds / 86400)} days`;
}

// ---- counters

const sum = (value) => (typeof value === "object" ? Object.values(value).reduce((all, one) => all + one, 0) : (value ?? 0));
const total = (things, name) => things.reduce((all, thing) => all + sum(thing.counters[name]), 0);
const ENDS = ["responses", "replies", "failures", "truncated", "abandoned"];
const ended = (counters) => ENDS.reduce((all, name) => all + sum(counters[name]), 0);
const failed = (counters) => sum(counters.failures) + sum(counters.truncated);
const served = (counters) => sum(counters["servers.opened"]) + sum(counters["servers.reused"]);

// ---- the document

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  made.className = classes;
  made.textContent = text;
  return made;
}

// Writes only what differs, so that focus and selections stay.
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function dress(node, classes) {
  if (node.className !== classes) node.className = classes;
}

// Children of a node by key: those of before are kept and updated, new ones are made, those that went are removed.
function each(parent, things, key, make, update) {
  parent.nodes ??= new Map();
  const gone = new Set(parent.nodes.keys());
  things.forEach((thing, place) => {
    const name = key(thing);
    let node = parent.nodes.get(name);
    if (!node) parent.nodes.set(name, (node = make(thing)));
    gone.delete(name);
    if (parent.children[place] !== node) parent.insertBefore(node, parent.children[place] ?? null);
    update(node, thing);
  });
  for (const name of gone) {
    parent.nodes.get(name).remove();
    parent.nodes.delete(name);
  }
}

function tableOf(columns, caption) {
  const table = element("table");
  table.setAttribute("aria-label", caption);
  const head = element("tr");
  for (const column of columns) {
    const cell = element("th", column === "state" ? "state" : "", column);
    cell.scope = "col";
    head.append(cell);
  }
  table.createTHead().append(head);
  table.body = table.createTBody();
  return table;
}

function rowOf(columns) {
  const row = element("tr");
  row.cells_ = columns.map((column) => {
    const cell = element("td", column === "state" ? "state" : "");
    cell.dataset.name = column;
    row.append(cell);
    return cell;
  });
  return row;
}

// ---- rates

const history = [];
let before;
let rates = () => 0;

// Per second, of what `count` finds in two states; a balancer that was started anew begins at nothing.
function ratesBetween(old, now) {
  const seconds = old ? now.uptime_s - old.uptime_s : 0;
  return (count) => (seconds > 0 ? Math.max(0, count(now) - count(old)) / seconds : 0);
}

// How long the given share took at most, of what was counted since a state some seconds ago; `undefined`: there was nothing.
// Within a bucket, which ends at twice where it begins, all are taken to lie evenly.
const TIMES_OVER = 10;
const olds = [];

function timeOf(now, old = []) {
  const before = new Map(old.map(([end, count]) => [end, count]));
  const rows = now.map(([end, count]) => [end, count - (before.get(end) ?? 0)]).filter(([, count]) => count > 0);
  const all = rows.reduce((sum, [, count]) => sum + count, 0);
  return (share) => {
    let left = share * all;
    for (const [end, count] of rows) {
      if (left <= count) return end === null ? Infinity : (end / 2) * (1 + left / count);
      left -= count;
    }
    return undefined;
  };
}

function timesInWords(now, old) {
  const time = timeOf(now, old);
  const [half, most] = [time(0.5), time(0.99)];
  if (half === undefined) return "";
  return `p50 ${brief(half)}, p99 ${most === Infinity ? "over 67 s" : brief(most)}`;
}

function pairOfTimes(now = [], old) {
  const time = timeOf(now, old);
  const [half, most] = [time(0.5), time(0.99)];
  // Each stays on its line.
  const both = [brief(half ?? 0), most === Infinity ? "over 67 s" : brief(most ?? 0)];
  return half === undefined ? "–" : both.map((one) => one.replaceAll(" ", "\u00a0")).join("/\u200b");
}

const setIn = (state, name) => state.backend_sets.find((one) => one.name === name);
const listenersOf = (state) => state.listeners;
const serversOf = (state) => state.backend_sets.flatMap((set) => set.servers);
const serverIn = (state, set, address) =>
  state.backend_sets.find((one) => one.name === set)?.servers.find((one) => one.address === address);
const listenerIn = (state, name) => state.listeners.find((one) => one.name === name);
const routeIn = (state, listener, name) => listenerIn(state, listener)?.routes.find((one) => one.name === name);
const countersOf = (thing) => thing?.counters ?? {};

// ---- what is shown

function showCards(state) {
  const endedPerS = rates((of) => listenersOf(of).reduce((all, one) => all + ended(one.counters), 0));
  const failedPerS = rates((of) => listenersOf(of).reduce((all, one) => all + failed(one.counters), 0));
  const servers = serversOf(state);
  const up = servers.filter((server) => server.state === "up").length;
  const opened = total(servers, "servers.opened");
  const reused = total(servers, "servers.reused");
  const worst = state.ports.filter((port) => port.exhausted_in_s !== undefined).map((port) => port.exhausted_in_s);
  const cards = [
    ["requests/s", number(endedPerS)],
    ["failures/s", number(failedPerS), failedPerS > 0 ? "red" : ""],
    ["clients", number(total(state.listeners, "clients.open"))],
    ["at servers", number(servers.reduce((all, one) => all + one.in_flight, 0))],
    ["servers up", `${up} of ${servers.length}`, up < servers.length ? "orange" : ""],
    ["re-used", share(reused, opened + reused)],
    ["ports last", worst.length ? span(Math.min(...worst)) : "for ever", worst.length ? "red" : ""],
    ["CPU", `${number(100 * rates((of) => of.process.cpu_s))} %`],
    ["memory", bytes(state.process.resident_bytes)],
    ["files open", number(state.process.open_files)],
  ];
  const make = () => {
    const card = element("div");
    card.append(element("b"), element("span"));
    return card;
  };
  each(at("cards"), cards, (card) => card[0], make, (node, [name, value, ink = ""]) => {
    write(node.children[0], value);
    write(node.children[1], name);
    dress(node, ink);
  });
  history.push([endedPerS, failedPerS]);
  if (history.length > HISTORY) history.shift();
}

function showCurve() {
  const most = Math.max(1, ...history.map(([all]) => all)) * 1.08;
  const seconds = Math.max(CURVE_MIN, history.length);
  const x = (place) => ((HISTORY * (seconds - history.length + place + 1)) / seconds).toFixed(1);
  const points = (which) => history.map((both, place) => `${x(place)},${(100 - (100 * both[which]) / most).toFixed(2)}`).join(" ");
  const [area, all, bad] = at("curve").children;
  all.setAttribute("points", points(0));
  area.setAttribute("points", `${x(0)},100 ${points(0)} ${HISTORY},100`);
  bad.setAttribute("points", points(1));
  write(at("most"), `${number(most)}/s`);
  write(at("span"), `last ${span(history.length)}`);
}

const INKS = { up: "green", draining: "blue", disabled: "blue", aside: "orange", down: "red" };
const SERVER = ["server", "state", "weight", "requests/s", "p50/p99", "in flight", "open", "re-used", "failed connects", "closes first", ""];

function showSets(state) {
  const make = (set) => {
    const box = element("div");
    const title = element("h3", "", set.name);
    title.append(element("small"));
    box.append(title, tableOf(SERVER, `servers of ${set.name}`));
    return box;
  };
  each(at("sets"), state.backend_sets, (set) => set.name, make, (box, set) => {
    const up = set.servers.filter((server) => server.state === "up").length;
    const waited = sum(set.counters["servers.queued"]) + sum(set.counters["servers.queued_for_port"]);
    const times = timesInWords(set.first_byte_times, olds[0] && setIn(olds[0], set.name)?.first_byte_times);
    const facts = [`${up} of ${set.servers.length} up`, times && `first byte ${times}`, waited && `${number(waited)} requests had to wait`];
    write(box.children[0].lastChild, facts.filter(Boolean).join("; "));
    each(box.children[1].body, set.servers, (server) => server.address, (server) => serverRow(set, server), (row, server) =>
      showServer(row, set, server));
  });
}

function serverRow(set, server) {
  const row = rowOf(SERVER);
  row.cells_[1].append(element("span", "badge"));
  row.cells_[10].append(buttonFor(["backend_sets", set.name, "servers", server.address]));
  row.cells_[10].className = "act";
  return row;
}

function showServer(row, set, server) {
  const [name, state, weight, perS, times, inFlight, connections, reused, connects, closes, act] = row.cells_;
  const counters = server.counters;
  write(name, server.host ? `${server.host} (${server.address})` : server.address + (server.backup ? " (backup)" : ""));
  write(state.firstChild, server.state);
  state.firstChild.title = server.why || "";
  dress(state.firstChild, `badge ${INKS[server.state]}`);
  write(weight, number(server.weight));
  write(perS, number(rates((of) => served(countersOf(serverIn(of, set.name, server.address))))));
  const old = olds[0] && serverIn(olds[0], set.name, server.address);
  write(times, pairOfTimes(server.first_byte_times, old?.first_byte_times));
  times.title = "From a request on its way to the head of its response, of late";
  write(inFlight, number(server.in_flight));
  write(connections, number(sum(counters["servers.open"])));
  write(reused, share(sum(counters["servers.reused"]), served(counters)));
  write(connects, number(sum(counters["servers.connects_failed_there"])));
  write(closes, closer(counters["servers.closed_first"]));
  showButton(act.firstChild, { draining: "undrain", disabled: "enable" }[server.state] ?? "drain", `${set.name}/${server.address}`);
}

// A button that orders something of what the path names.
function buttonFor(path) {
  const button = element("button");
  button.type = "button";
  button.addEventListener("click", () => order(button, path));
  return button;
}

function showButton(button, order, whom) {
  button.hidden = onlyRead;
  button.dataset.order = order;
  button.dataset.whom = whom;
  write(button, order);
  button.setAttribute("aria-label", `${order} ${whom}`);
}

// Who closes most, with its share.
function closer(row = {}) {
  const [who, most] = Object.entries(row).reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0]);
  return most ? `${who.replaceAll("_", " ")} ${share(most, sum(row))}` : "–";
}

function showPorts(state) {
  const box = at("ports");
  const none = [{ source: "", destination: "" }];
  each(box, state.ports.length ? state.ports : none, (port) => `${port.source} ${port.destination}`, portBox, showPort);
}

function portBox(port) {
  if (!port.destination) return element("p", "faint", "Nothing is connected to a server over TCP.");
  const box = element("div", "port");
  const head = element("div", "head");
  head.append(element("span"), element("span"));
  const bar = element("div", "bar");
  bar.append(element("i", "blue"), element("i", "orange"));
  const legend = element("div", "legend");
  legend.append(element("span", "mark blue"), element("span", "mark orange"), element("span", "mark grey"), element("span"));
  box.append(head, bar, legend);
  return box;
}

function showPort(box, port) {
  if (!port.destination) return;
  const [head, bar, legend] = box.children;
  write(head.children[0], `${port.source} → ${port.destination}`);
  const runsOut = port.exhausted_in_s !== undefined;
  write(head.children[1], runsOut ? `gone in ${span(port.exhausted_in_s)}` : "lasts");
  dress(head.children[1], runsOut ? "warn red" : "faint");
  const width = (part) => `${Math.min(100, (100 * part) / port.ports)}%`;
  bar.children[0].style.width = width(port.live);
  bar.children[1].style.width = width(port.time_wait);
  write(legend.children[0], `${number(port.live)} live`);
  write(legend.children[1], `${number(port.time_wait)} TIME_WAIT`);
  write(legend.children[2], `${number(port.free)} of ${number(port.ports)} free`);
  write(legend.children[3], `${number(port.rate_per_s)} connections/s of ${number(port.rate_per_s_max)} that the ports pay for`);
}

const ROUTE = ["route", "requests", "requests/s", "responses", "replies", "failures"];

function showListeners(state) {
  const make = (listener) => {
    const box = element("div");
    const title = element("h3", "", listener.name);
    title.append(element("small"), element("span", "badge"), buttonFor(["listeners", listener.name]));
    box.append(title, element("div", "legend"), tableOf(ROUTE, `routes of ${listener.name}`));
    return box;
  };
  each(at("listeners"), state.listeners, (listener) => listener.name, make, (box, listener) => {
    const [title, facts, table] = box.children;
    write(title.children[0], `${listener.protocol} ${listener.addresses.join(", ")}`);
    const is_open = (listener.state ?? "open") === "open";
    title.children[1].hidden = is_open;
    write(title.children[1], is_open ? "" : listener.state);
    dress(title.children[1], `badge ${listener.state === "draining" ? "blue" : "orange"}`);
    showButton(title.children[2], is_open ? "drain" : "undrain", `listener ${listener.name}`);
    each(facts, factsOf(listener), ([name]) => name, () => element("span"), (node, [name, text]) => write(node, `${text} ${name}`));
    table.hidden = listener.routes.length === 0;
    const busiest = [...listener.routes].sort((one, other) => sum(other.counters["routes.requests"]) - sum(one.counters["routes.requests"]));
    each(table.body, busiest.slice(0, ROUTES_MAX), (route) => route.name, () => rowOf(ROUTE), (row, route) => showRoute(row, listener, route));
  });
}

function factsOf(listener) {
  const counters = listener.counters;
  const perS = rates((of) => ended(countersOf(listenerIn(of, listener.name))));
  const facts = [["requests/s", number(perS)], ["clients", number(sum(counters["clients.open"]))]];
  const times = timesInWords(listener.request_times, olds[0] && listenerIn(olds[0], listener.name)?.request_times);
  if (times) facts.push(["of late", times]);
  for (const [kind, count] of Object.entries(counters.statuses ?? {})) facts.push([kind, number(count)]);
  for (const [kind, count] of Object.entries(counters.failures ?? {})) facts.push([kind.replaceAll("_", " "), number(count)]);
  const refused = sum(counters["refused.requests"]);
  if (refused) facts.push(["refused", number(refused)]);
  const handshakes = sum(counters["tls.handshakes"]);
  if (handshakes) facts.push(["of the handshakes resumed", share(sum(counters["tls.resumed"]), handshakes)]);
  const closes = closer(counters["clients.closed_first"]);
  if (closes !== "–") facts.push(["of the closes", closes]);
  return facts;
}

function showRoute(row, listener, route) {
  const counters = route.counters;
  const perS = rates((of) => sum(countersOf(routeIn(of, listener.name, route.name))["routes.requests"]));
  const texts = [route.name, number(sum(counters["routes.requests"])), number(perS)];
  for (const name of ["responses", "replies", "failures"]) texts.push(number(sum(counters[`routes.${name}`])));
  row.cells_.forEach((cell, place) => write(cell, texts[place]));
}

// Nothing may be changed by this way.
let onlyRead = false;

function show(state) {
  onlyRead = state.changes === "never";
  at("only-read").hidden = !onlyRead;
  at("reload").hidden = onlyRead;
  rates = ratesBetween(before, state);
  write(at("about"), `${location.host || "this host"}, version ${state.version}, up ${span(state.uptime_s)}`);
  showCards(state);
  showCurve();
  showSets(state);
  showPorts(state);
  showListeners(state);
  // One that was started anew begins at nothing.
  if (before && state.uptime_s < before.uptime_s) olds.length = 0;
  olds.push(state);
  if (olds.length > TIMES_OVER) olds.shift();
  before = state;
}

function showNews(event) {
  const item = element("li");
  const happened = new Date(event.time);
  const time = element("time", "", happened.toLocaleTimeString());
  time.dateTime = event.time;
  time.title = happened.toLocaleString();
  item.append(time, element("span", { error: "warn red", warning: "warn orange" }[event.level] ?? "", event.text));
  at("news").prepend(item);
  at("no-news").hidden = true;
  while (at("news").children.length > NEWS_MAX) at("news").lastChild.remove();
}

function showLink(text, ink) {
  write(at("link"), text);
  dress(at("link"), `badge ${ink}`);
}

function tell(text) {
  write(at("told"), text);
  at("told").hidden = !text;
}

// ---- asking

const TOKEN = "quintet-token";
const fields = () => {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
};

// One question at a time; `false`: the reader would rather not.
function askToken() {
  const dialog = at("ask");
  at("token").value = "";
  dialog.showModal();
  return closed(dialog).then(() => {
    const token = dialog.returnValue === "use" ? at("token").value.trim() : "";
    if (token) sessionStorage.setItem(TOKEN, token);
    return Boolean(token);
  });
}

// Its event comes a moment after a dialog has closed: it may be open again by then.
function closed(dialog) {
  return new Promise((resolve) => {
    const look = () => {
      if (dialog.open) return;
      dialog.removeEventListener("close", look);
      resolve();
    };
    dialog.addEventListener("close", look);
  });
}

async function post(path) {
  for (;;) {
    const answer = await fetch(path, { method: "POST", headers: fields() });
    if (answer.ok) return tell("");
    if (answer.status === 401 && (await askToken())) continue;
    const text = await answer.text();
    try {
      return tell(JSON.parse(text).error);
    } catch {
      return tell(text.trim());
    }
  }
}

// What takes something away is asked once more; `false`: the reader would rather not.
const SURE = { drain: "It gets nothing new from now on; what is under way may finish." };

function isSure(order, whom) {
  if (!SURE[order]) return true;
  const dialog = at("sure");
  write(at("sure-text"), `Drain ${whom}? ${SURE[order]}`);
  write(at("sure-do"), order);
  dialog.returnValue = "";
  dialog.showModal();
  return closed(dialog).then(() => dialog.returnValue === "do");
}

async function order(button, path) {
  if (!(await isSure(button.dataset.order, button.dataset.whom))) return button.focus();
  button.disabled = true;
  try {
    await post([...path, button.dataset.order].map(encodeURIComponent).join("/"));
  } catch {
    tell("The balancer does not answer.");
  } finally {
    button.disabled = false;
    button.focus();
  }
}

// Server-sent events by fetch, because EventSource shows no token.
async function look() {
  const answer = await fetch("events", { headers: fields(), cache: "no-store" });
  if (answer.status === 401) {
    showLink("takes a token", "orange");
    if (await askToken()) return;
    return new Promise(() => {});
  }
  if (!answer.ok) throw new Error(await answer.text());
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    events.forEach(take);
  }
}

function take(event) {
  const field = (name) => event.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const kind = field("event");
  if (kind === "ending") showLink("ending", "orange");
  if (kind === "news") showNews(JSON.parse(field("data")));
  if (kind !== "state") return;
  showLink("live", "green");
  show(JSON.parse(field("data")));
}

async function lookOn() {
  for (;;) {
    try {
      await look();
    } catch {
      showLink("gone: trying again", "red");
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

at("leave").addEventListener("click", () => at("ask").close(""));
at("use").value = "use";
at("reload").addEventListener("click", () => post("reload").catch(() => tell("The balancer does not answer.")));
lookOn();
