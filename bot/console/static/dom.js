/* Building and updating DOM without ever parsing text as HTML: messages are written by people. */

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = "/static/console/icons.svg";

/** The element with this id; a missing one is a mistake of ours, so it fails aloud. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}

/** The descendant marked `data-part="name"`. */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

/**
 * el("button.order", {type: "button", data: {order: 123}}, "text", node, …) → element.
 * Children may be strings (text nodes), nodes, or null, which is left out.
 */
export function el(selector, attributes, ...children) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "data") Object.assign(node.dataset, value);
    else if (name === "class") node.classList.add(...value.split(" ").filter(Boolean));
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * Make `container` show exactly `items` ({key, signature, build}), in order. A node is kept while its key and
 * signature stay, so focus, selection and scrolling survive the arrival of a message.
 */
export function reconcile(container, items) {
  const wanted = new Set(items.map(({ key }) => key));
  const old = new Map();
  // What leaves goes first: otherwise all that stays would count as moved.
  for (const node of [...container.children]) {
    if (wanted.has(node.dataset.key)) old.set(node.dataset.key, node);
    else node.remove();
  }
  let place = container.firstElementChild;
  for (const { key, signature, build } of items) {
    let node = old.get(key);
    if (!node || node.dataset.signature !== signature) {
      const fresh = build();
      fresh.dataset.key = key;
      fresh.dataset.signature = signature;
      if (place === node && node) place = fresh;
      const focused = node?.contains(document.activeElement);
      node?.replaceWith(fresh);
      if (focused) fresh.querySelector("button, a")?.focus({ preventScroll: true });
      node = fresh;
    }
    if (node === place) place = place.nextElementSibling;
    else container.insertBefore(node, place);
  }
}

/** A robot, a group or a person's initial on a colour that stays the same for that id. */
export function avatar(id, name, shape = "person") {
  if (shape !== "person") return el(`span.avatar.${shape}`, { "aria-hidden": "true" }, icon(shape));
  return el("span.avatar", { class: `tone-${tone(id)}`, "aria-hidden": "true" }, [...name][0] ?? "?");
}

function tone(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  return sum % 8;
}
