// What both pages use.

/** Asks the API. Throws an error with a message for people. */
export async function api(method, path, { body, signal } = {}) {
  const options = { method, signal };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The service does not answer.");
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(sentence(answer.error ?? response.statusText));
  return answer;
}

/** Shows an error for a while. */
export function report(error) {
  if (error.name === "AbortError") return;
  const toast = element("div", "toast", error.message);
  const close = element("button", "icon", "×");
  close.type = "button";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => toast.remove());
  toast.append(close);
  const toasts = document.getElementById("toasts");
  toasts.append(toast);
  while (toasts.children.length > 3) toasts.firstChild.remove();
  setTimeout(() => toast.remove(), 10_000);
}

/** A handler that shows what goes wrong. */
export const reporting = (work) => (...args) => Promise.resolve(work(...args)).catch(report);

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Makes these the children of a container. Those that stay are not moved, and keep the focus. */
function arrange(container, nodes) {
  nodes.forEach((node, at) => {
    if (container.children[at] !== node) container.insertBefore(node, container.children[at] ?? null);
  });
  while (container.children.length > nodes.length) container.lastElementChild.remove();
}

/** Shows items as children of a container: the child of an item that is still there is kept. */
export function fill(container, items, { key, make, update }) {
  const kept = new Map([...container.children].map((node) => [node.dataset.key, node]));
  arrange(container, items.map((item, at) => {
    const name = String(key(item, at));
    const node = kept.get(name) ?? make(item);
    node.dataset.key = name;
    update(node, item);
    return node;
  }));
}

export const number = (value) => value.toLocaleString("en");

export const plural = (count, noun, several = `${noun}s`) => `${number(count)} ${count === 1 ? noun : several}`;

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
