// The page of the cache.

import { api, element, fill, number, plural, report, reporting } from "/common.js";
import { draw, light } from "/graph.js";

const REASONS = ["cold", "invalidated", "expired", "evicted", "bypassed"];

const $ = (id) => document.getElementById(id);

// Ages are of the time when the snapshot came: the page counts on.
let came = performance.now();
let snapshot = null;
let isFirst = true;

// The events

// In seconds: each wait is twice as long as the one before.
const FIRST_WAIT = 2;
const LONGEST_WAIT = 30;
let wait = FIRST_WAIT;

function connect() {
  const events = new EventSource("/cache/events");
  events.addEventListener("open", () => {
    setState("live", "live");
    wait = FIRST_WAIT;
    // After a restart of the service, numbers begin again.
    isFirst = true;
    for (const id of ["mutations", "last"]) $(id).replaceChildren();
  });
  events.addEventListener("error", () => {
    // After an answer that is an error, as when there are too many viewers, a browser does not try again.
    events.close();
    setState("offline", `offline: retry in ${wait} s`);
    setTimeout(connect, 1000 * wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  });
  events.addEventListener("snapshot", ({ data }) => {
    snapshot = JSON.parse(data);
    came = performance.now();
    render();
    isFirst = false;
    document.querySelector("main").classList.remove("waiting");
  });
  events.addEventListener("other_processes", ({ data }) => renderOthers(JSON.parse(data)));
}

connect();

function setState(state, text) {
  $("state").textContent = text;
  $("state").dataset.state = state;
}

function render() {
  const { totals } = snapshot;
  $("bypass").checked = snapshot.bypass;
  $("hit_rate").textContent = percent(totals.hit_rate);
  for (const name of ["hits", "misses", "entries", "invalidations"]) $(name).textContent = number(totals[name]);
  $("database_queries").textContent = number(snapshot.database_queries);
  if (snapshot.other_processes) renderOthers(snapshot.other_processes);
  renderQueries();
  renderMutations();
  lightUp();
  renderMisses();
  renderFindings();
  renderEntries();
  renderAges();
}

/** Shows a list, or that it is empty. */
function show(id, emptyId, items, how) {
  fill($(id), items, how);
  $(emptyId).hidden = items.length > 0;
}

// Other processes, if there is a tier

function renderOthers(others) {
  const { is_live: isLive, lag_ms: lag, published, unpublished, heard, gaps, epochs, second_level: level } = others;
  $("others").hidden = false;
  $("lease").textContent = isLive ? "live" : "not live: memory answers nothing";
  $("lease").dataset.state = isLive ? "live" : "offline";
  $("lag").textContent = lag === null ? "–" : lag < 10_000 ? `${number(lag)} ms` : duration(lag);
  $("published").textContent = number(published);
  $("unpublished").textContent = unpublished ? `${number(unpublished)} not yet` : "";
  $("heard").textContent = number(heard);
  $("gaps").textContent = number(gaps);
  $("epochs").textContent = number(epochs);
  $("level-hits").textContent = number(level.hits);
  $("level-misses").textContent = number(level.misses);
  const bad = ["refused", "failed"].filter((kind) => level[kind]).map((kind) => `${number(level[kind])} ${kind}`);
  $("level-bad").textContent = bad.join(", ");
  $("level-stored").textContent = number(level.stored);
}

// Queries

function renderQueries() {
  show("queries", "no-queries", snapshot.queries, {
    key: ({ query, owner }) => `${owner}::${query}`,
    make: ({ query, owner }) => {
      const row = element("tr");
      const name = cell(row, "name", "Query");
      name.append(element("code", "", query), element("small", "muted", shortType(owner)));
      cell(row, "rate", "Hit rate");
      cell(row, "calls", "Calls").append(element("span", "bar-of-calls"), element("span", "count"));
      cell(row, "why", "Missed because");
      cell(row, "number", "Entries");
      cell(row, "act").append(forgetButton({ query }, query));
      return row;
    },
    update: (row, query) => {
      const calls = query.hits + query.misses;
      row.querySelector(".rate").textContent = calls ? percent(query.hit_rate) : "–";
      row.querySelector(".count").textContent = calls ? `${number(query.hits)} of ${number(calls)} hit` : "not asked yet";
      row.querySelector(".number").textContent = number(query.entries);
      const missed = REASONS.filter((reason) => query.reasons[reason] > 0);
      fill(row.querySelector(".why"), missed, {
        key: (reason) => reason,
        make: (reason) => element("span", `key ${reason}`),
        update: (chip, reason) => (chip.textContent = `${reason} ${number(query.reasons[reason])}`),
      });
      fill(row.querySelector(".bar-of-calls"), ["hit", ...REASONS], {
        key: (part) => part,
        make: (part) => element("span", part),
        update: (bar, part) => {
          const count = part === "hit" ? query.hits : query.reasons[part];
          bar.style.width = `${(100 * count) / Math.max(1, calls)}%`;
        },
      });
    },
  });
}

// Mutations

function renderMutations() {
  show("mutations", "no-mutations", snapshot.mutations, {
    key: ({ version }) => version,
    make: (mutation) => {
      const item = element("li", isFirst ? "" : "new");
      const head = element("p", "head");
      head.append(element("code", "", mutation.function), element("span", "ago muted"));
      const targets = element("p", "targets");
      for (const { kind, name, by } of mutation.targets) {
        const chip = element("span", `chip target-${kind}`, targetText(kind, name));
        // Of a transaction, each target is of one of its mutations.
        if (by !== mutation.function) chip.append(element("small", "", ` by ${by}`));
        targets.append(chip);
      }
      item.append(head, targets, element("p", "effect muted"));
      if (mutation.place) item.title = mutation.place;
      return item;
    },
    update: (item, { ago_ms, removed, fenced, misses }) => {
      item.querySelector(".ago").dataset.age = ago_ms;
      const effects = [];
      if (removed) effects.push(`removed ${plural(removed, "entry", "entries")}`);
      if (fenced) effects.push(`fenced ${plural(fenced, "load")}`);
      effects.push(misses ? `${plural(misses, "call")} missed because of it` : "no call missed because of it yet");
      item.querySelector(".effect").textContent = effects.join(" · ");
    },
  });
}

// The graph, which does not change while the service runs

const place = $("graph");
const lightUp = () => light(place, snapshot?.mutations[0]);

api("GET", "cache/graph").then((graph) => {
  // Also at once.
  new ResizeObserver(() => {
    draw(graph, place);
    lightUp();
  }).observe(place);
}).catch(report);

function targetText(kind, name) {
  // The others are a name, or are in words.
  return { nothing: "nothing", everything: "everything", key: `one key of ${name}`, tag: `tag ${name}` }[kind] ?? name;
}

// Misses

function renderMisses() {
  show("last", "no-last", snapshot.misses, {
    key: ({ number }) => number,
    make: ({ query, arguments: args, reason, invalidated }) => {
      const item = element("li", isFirst ? "" : "new");
      const head = element("p", "head");
      head.append(call(query, args), element("span", "ago muted"));
      const why = element("p", "effect muted");
      why.append(element("span", `key ${reason}`, reason));
      if (invalidated) {
        const through = ` through ${invalidated.through.replaceAll("`", "")}`;
        why.append(" by ", element("code", "", invalidated.by), through);
      }
      item.append(head, why);
      return item;
    },
    update: (item, { ago_ms }) => (item.querySelector(".ago").dataset.age = ago_ms),
  });
}

// Findings

function renderFindings() {
  const { audited } = snapshot.totals;
  $("audit-summary").textContent = audited ? `${plural(audited, "hit")} compared with the database` : "";
  $("no-findings").textContent = audited ? "All of them were right." : "No hit was compared with the database yet.";
  show("findings", "no-findings", snapshot.findings, {
    // They have no numbers: there are few.
    key: (_, at) => at,
    make: () => {
      const item = element("li");
      item.append(element("p", "head"), element("p", "wrong"), element("p", "right"), element("p", "effect muted"));
      return item;
    },
    update: (item, { query, arguments: args, cached, loaded, mutations, ago_ms }) => {
      const ago = element("span", "ago muted");
      ago.dataset.age = ago_ms;
      item.querySelector(".head").replaceChildren(call(query, args), ago);
      item.querySelector(".wrong").replaceChildren("cached ", element("code", "", cached));
      item.querySelector(".right").replaceChildren("loaded ", element("code", "", loaded));
      item.querySelector(".effect").textContent = mutations.length
        ? `One of these should have forgotten it: ${[...new Set(mutations)].join(", ")}`
        : snapshot.other_processes
          ? "No mutation that was heard ran since it was loaded: another process has changed the database, or something else."
          : "No mutation ran since it was loaded: something else has changed the database.";
    },
  });
}

// Entries

function renderEntries() {
  const { entries, entries_hidden: hidden } = snapshot;
  const shown = hidden ? `the ${number(entries.length)} youngest; ${number(hidden)} more are not shown` : "";
  $("entries-summary").textContent = shown;
  show("entry-list", "no-entries", entries, {
    key: ({ query, arguments: args }) => `${query}(${args})`,
    make: ({ query, arguments: args, tags }) => {
      const row = element("tr");
      cell(row, "name", "Query").append(element("code", "", query));
      const asked = cell(row, "arguments", "Arguments");
      asked.append(element("code", "", args));
      for (const tag of tags) asked.append(forgetButton({ tag }, `tag ${tag}`));
      cell(row, "age", "Age");
      cell(row, "left", "Expires in");
      cell(row, "number", "Hits");
      cell(row, "act").append(forgetButton({ query }, query));
      return row;
    },
    update: (row, { age_ms, expires_in_ms, hits }) => {
      row.querySelector(".age").dataset.age = age_ms;
      row.querySelector(".left").dataset.left = expires_in_ms;
      row.querySelector(".number").textContent = number(hits);
    },
  });
}

function cell(row, className, label = "") {
  const made = element("td", className);
  if (label) made.dataset.label = label;
  row.append(made);
  return made;
}

function call(query, args) {
  const made = element("code", "", query);
  made.append(element("span", "muted", `(${args})`));
  return made;
}

// Ages

function renderAges() {
  const since = performance.now() - came;
  for (const node of document.querySelectorAll("[data-age]")) {
    const ago = duration(Number(node.dataset.age) + since);
    node.textContent = node.classList.contains("ago") ? `${ago} ago` : ago;
  }
  for (const node of document.querySelectorAll("[data-left]")) {
    node.textContent = duration(Math.max(0, Number(node.dataset.left) - since));
  }
}

setInterval(renderAges, 1000);

function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** `a::b::Type<c::D>` is `Type<D>`. */
const shortType = (name) => name.replaceAll(/(\w+::)+/g, "");

// Buttons

const post = (path, body) => api("POST", `cache/${path}`, { body });

/** Forgets a query, or a tag. */
function forgetButton(target, name) {
  const button = element("button", "small", target.tag ? name : "Forget");
  button.type = "button";
  button.setAttribute("aria-label", `Forget ${name}`);
  button.addEventListener("click", reporting(() => post("forget", target)));
  return button;
}

$("purge").addEventListener("click", reporting(() => post("purge")));
$("forget").addEventListener("click", reporting(() => post("forget", "everything")));
$("bypass").addEventListener("change", reporting(async ({ target }) => {
  try {
    await api("PUT", "cache/bypass", { body: { on: target.checked } });
  } catch (error) {
    target.checked = !target.checked;
    throw error;
  }
}));
