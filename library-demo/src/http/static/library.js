// The page of the library.

import { api, element, fill, number, plural, reporting } from "/common.js";

const PAGE = 25;
const VIEWS = ["tracks", "favorites", "recent", "popular"];
const EMPTY = {
  tracks: "There are no tracks yet.",
  favorites: "No favourites yet: mark a track with the heart.",
  recent: "There are no tracks yet.",
  popular: "Nothing was played yet.",
  search: "No track matches.",
};

const $ = (id) => document.getElementById(id);
const list = $("tracks");
const search = $("search");

// What is shown. The address has it, too: a reload and the way back show the same.
const state = { view: "tracks", page: 0, text: "" };
let favorites = new Set();
let pending = null;

function readAddress() {
  const params = new URLSearchParams(location.search);
  const view = params.get("view");
  state.view = VIEWS.includes(view) ? view : "tracks";
  state.page = Math.max(0, (parseInt(params.get("page"), 10) || 1) - 1);
  state.text = params.get("q") ?? "";
  search.value = state.text;
}

function writeAddress() {
  const params = new URLSearchParams();
  if (state.text) params.set("q", state.text);
  else if (state.view !== "tracks") params.set("view", state.view);
  if (state.page) params.set("page", state.page + 1);
  const query = params.toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

function show(changes) {
  Object.assign(state, { page: 0 }, changes);
  writeAddress();
  return load();
}

/** Loads what the state says, and drops the answer if another load begins. */
async function load() {
  pending?.abort();
  const { signal } = (pending = new AbortController());
  renderControls();
  list.setAttribute("aria-busy", "true");
  const paging = `limit=${PAGE}&offset=${state.page * PAGE}`;
  const path = state.text ? `search?q=${encodeURIComponent(state.text)}&${paging}` : `${state.view}?${paging}`;
  try {
    const [page, ids] = await Promise.all([api("GET", path, { signal }), loadFavorites(signal)]);
    favorites = ids;
    render(page);
  } catch (error) {
    if (error.name !== "AbortError") renderFailure(error);
  } finally {
    if (!signal.aborted) list.removeAttribute("aria-busy");
  }
}

/** No list says which of its tracks are favourites: so marking one forgets no other list. */
async function loadFavorites(signal) {
  const ids = new Set();
  for (let offset = 0; ; offset += 100) {
    const { items, total } = await api("GET", `favorites?limit=100&offset=${offset}`, { signal });
    for (const { id } of items) ids.add(id);
    if (items.length < 100 || ids.size >= total) return ids;
  }
}

function renderControls() {
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", !state.text && button.dataset.view === state.view);
  }
}

function render({ items, total }) {
  const pages = Math.max(1, Math.ceil(total / PAGE));
  if (state.page >= pages) {
    show({ page: pages - 1 });
    return;
  }
  $("summary").textContent = state.text ? `${plural(total, "track")} with “${state.text}”` : plural(total, "track");
  $("position").textContent = `Page ${number(state.page + 1)} of ${number(pages)}`;
  $("previous").disabled = state.page === 0;
  $("next").disabled = state.page + 1 >= pages;
  if (items.length === 0) {
    list.replaceChildren(element("li", "empty muted", EMPTY[state.text ? "search" : state.view]));
    return;
  }
  list.querySelector(".empty")?.remove();
  fill(list, items, { key: (_, at) => at, make: newRow, update: fillRow });
}

function newRow() {
  const row = $("row").content.firstElementChild.cloneNode(true);
  row.querySelector(".play").addEventListener("click", reporting(() => play(row.track)));
  row.querySelector(".heart").addEventListener("click", reporting(() => toggleFavorite(row.track)));
  row.querySelector(".edit").addEventListener("click", () => openEditor(row.track));
  return row;
}

function fillRow(row, track) {
  const by = [track.artist, track.album].filter(Boolean).join(" · ");
  row.track = track;
  row.dataset.id = track.id;
  row.querySelector(".title").textContent = track.title;
  row.querySelector(".by").textContent = by;
  row.querySelector(".plays").textContent = track.plays ? plural(track.plays, "play") : "";
  row.querySelector(".length").textContent = time(track.duration_ms);
  row.querySelector(".play").setAttribute("aria-label", `Play ${track.title}`);
  row.querySelector(".edit").setAttribute("aria-label", `Edit ${track.title}`);
  const heart = row.querySelector(".heart");
  heart.setAttribute("aria-label", `Favourite ${track.title}`);
  heart.setAttribute("aria-pressed", favorites.has(track.id));
}

function renderFailure(error) {
  const failed = element("li", "empty", error.message);
  const retry = element("button", "", "Try again");
  retry.type = "button";
  retry.addEventListener("click", () => load());
  failed.append(retry);
  list.replaceChildren(failed);
  $("summary").textContent = "";
}

function time(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
}

async function play(track) {
  const played = await api("POST", `tracks/${track.id}/play`);
  const title = element("strong", "", played.title);
  $("now").replaceChildren(element("span", "bars"), title, ` ${played.artist} · ${plural(played.plays, "play")}`);
  await load();
}

async function toggleFavorite(track) {
  await api(favorites.has(track.id) ? "DELETE" : "PUT", `tracks/${track.id}/favorite`);
  await load();
}

// The editor

const editor = $("editor");
const form = $("form");
let edited = null;

function openEditor(track) {
  edited = track;
  $("editor-title").textContent = track ? "Edit track" : "Add track";
  $("more").hidden = !track;
  $("form-error").textContent = "";
  askAgain(false);
  for (const name of ["title", "artist", "album", "genre", "composer"]) {
    form.elements[name].value = track?.[name] ?? "";
  }
  editor.showModal();
}

/** Runs a write of the editor, and closes it if that succeeds. */
const closing = (write) => async (event) => {
  event.preventDefault();
  try {
    if ((await write()) === false) return;
  } catch (error) {
    $("form-error").textContent = error.message;
    return;
  }
  editor.close();
  await load();
};

const values = () => Object.fromEntries(new FormData(form));

form.addEventListener("submit", closing(() =>
  edited ? api("PATCH", `tracks/${edited.id}`, { body: values() }) : api("POST", "tracks", { body: values() })));

$("buy").addEventListener("click", closing(() => {
  const invoice_date = new Date().toISOString().slice(0, 10);
  return api("POST", "purchases", { body: { invoice_date, customer_id: 1, tracks: [edited.id] } });
}));

/** The first click asks, the second deletes. */
function askAgain(ask) {
  $("delete").textContent = ask ? "Really delete?" : "Delete";
  $("delete").dataset.asked = ask ? "yes" : "";
}

$("delete").addEventListener("click", closing(async () => {
  if (!$("delete").dataset.asked) {
    askAgain(true);
    return false;
  }
  await api("DELETE", `tracks/${edited.id}`);
}));

$("cancel").addEventListener("click", () => editor.close());
$("add").addEventListener("click", () => openEditor(null));

// The controls

let timer;
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => show({ text: search.value.trim() }), 200);
});

for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => {
    search.value = "";
    show({ view: button.dataset.view, text: "" });
  });
}

const turn = (by) => async () => {
  await show({ page: state.page + by });
  list.scrollIntoView({ block: "nearest" });
};
$("previous").addEventListener("click", turn(-1));
$("next").addEventListener("click", turn(1));

readAddress();
load();
