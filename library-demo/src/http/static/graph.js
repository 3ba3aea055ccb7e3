// The graph of the page of the cache: mutations on the left, what they forget on the right.

/** Of a box. */
const HEIGHT = 30;

function svg(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** Draws it, as large as its place is. */
export function draw(graph, place) {
  const { queries, mutations } = graph;
  const { paddingLeft, paddingTop } = getComputedStyle(place);
  const width = place.clientWidth - 2 * parseFloat(paddingLeft);
  const font = Math.min(13, width / 30);
  const names = [...queries.map(({ name }) => name), ...mutations.map((mutation) => mutation.function)];
  const letters = Math.max(...names.map((name) => name.length));
  const column = Math.ceil(letters * font * 0.62 + 1.6 * font);
  const height = place.clientHeight - 2 * parseFloat(paddingTop);
  const y = (at, count) => (at + 0.5) * (height / count);

  const drawing = svg("svg", { width, height, "font-size": font, "aria-hidden": "true" });
  const node = (x, middle, text, attributes, title) => {
    const group = svg("g", { class: "node", ...attributes });
    group.append(
      svg("title", {}, title),
      svg("rect", { x, y: middle - HEIGHT / 2, width: column, height: HEIGHT, rx: 8 }),
      svg("text", { x: x + column / 2, y: middle, "dominant-baseline": "central", "text-anchor": "middle" }, text),
    );
    return group;
  };
  const right = width - column - 1;
  const heightOf = new Map(queries.map(({ name }, at) => [name, y(at, queries.length)]));
  const edges = svg("g", {});
  mutations.forEach(({ function: from, edges: targets }, at) => {
    const start = y(at, mutations.length);
    for (const { query, is_key: isKey } of targets) {
      const end = heightOf.get(query);
      if (end === undefined) continue;
      const middle = width / 2;
      const path = `M${column + 1} ${start}C${middle} ${start} ${middle} ${end} ${right} ${end}`;
      edges.append(svg("path", { d: path, class: isKey ? "edge one" : "edge", "data-from": from, "data-to": query }));
    }
  });
  drawing.append(edges);
  mutations.forEach((mutation, at) => {
    const attributes = { "data-mutation": mutation.function };
    drawing.append(node(1, y(at, mutations.length), mutation.function, attributes, inWords(mutation)));
  });
  queries.forEach(({ name, text }, at) => {
    drawing.append(node(right, y(at, queries.length), name, { "data-query": name }, text));
  });
  // For people who hear the page.
  const list = document.createElement("ul");
  list.className = "hidden";
  list.append(...mutations.map((mutation) => {
    const item = document.createElement("li");
    item.textContent = inWords(mutation);
    return item;
  }));
  place.replaceChildren(drawing, list);
}

function inWords({ function: name, edges }) {
  const targets = edges.map(({ query, is_key: isKey }) => (isKey ? `one key of ${query}` : query));
  return `${name} forgets ${targets.join(", ")}`;
}

/** Lights up the last mutation: its targets, and the functions that named them. */
export function light(place, mutation) {
  const targets = mutation?.targets ?? [];
  const by = new Set(targets.map((target) => target.by));
  const all = targets.some(({ kind }) => kind === "everything");
  // Of another process they are in words.
  const named = new Set(targets.map(({ kind, name }) => (kind === "shared" ? name.replace("one key of ", "") : name)));
  const lit = (name) => all || named.has(name);
  for (const node of place.querySelectorAll("[data-mutation]")) {
    node.classList.toggle("lit", by.has(node.dataset.mutation));
  }
  for (const node of place.querySelectorAll("[data-query]")) node.classList.toggle("lit", lit(node.dataset.query));
  for (const edge of place.querySelectorAll("[data-from]")) {
    edge.classList.toggle("lit", by.has(edge.dataset.from) && lit(edge.dataset.to));
  }
  // Above the others.
  for (const edge of place.querySelectorAll(".edge.lit")) edge.parentNode.append(edge);
}
