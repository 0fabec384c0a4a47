/*
 * What is offered for what is being typed. A source takes {before, after, offers, alone, quoted} (the text on both
 * sides of the caret; alone with the bot; what was quoted: {order} or null) and gives {items, select, usage, note} or
 * null; the first that gives something wins.
 *
 * An item is {label, hint, detail, tone, start, insert, exact}: `insert` replaces the text from `start` to the caret;
 * with `exact` it is typed out already, so that Enter sends. `select`: the item that Enter takes, -1 for none. `usage`:
 * the command's pieces, [{text, active}]. `note`: why there are no items.
 */

import { isReference, locate, readName, startsCommand } from "./grammar.js";

const MOST = 60;

const SOURCES = [commandNames, commandArguments];

export function complete(state) {
  for (const source of SOURCES) {
    const found = source(state);
    if (found) return found;
  }
  return null;
}

/** The arguments alone, whether or not the office writes the command before them. */
export function usageOf(command) {
  const usage = command.usage ?? "";
  return usage.replace(new RegExp(`^/?${command.name}(?=\\s|$)`), "").trim();
}

/** A slash and the beginning of a name, at the start of the text. */
function commandNames({ before, after, offers, alone, quoted }) {
  if (!startsCommand(before) || /\s/.test(before)) return null;
  const typed = before.slice(1).toLowerCase();
  const word = /^\s*(#?\d+)/.exec(after)?.[1];
  const order = offers.order(word) ?? quoted?.order ?? null;
  const items = [];
  const looking = (name) => name === "查" && word !== undefined; // what is this order? is asked first
  for (const command of offers.commands) {
    if (command.private && !alone) continue;
    const names = [command.name, ...command.aliases];
    const starts = names.some((name) => name.toLowerCase().startsWith(typed));
    if (!starts && !(typed && command.name.includes(typed))) continue;
    if (word && command.orders === "none") continue;
    const fits = order?.commands.includes(command.name) ?? false;
    if (word && order && !fits && !looking(command.name)) continue;
    const exact = names.some((name) => name.toLowerCase() === typed);
    items.push({
      label: `/${command.name}`,
      hint: usageOf(command),
      detail: command.summary,
      start: 0,
      insert: `/${command.name}${command.usage && !after.startsWith(" ") ? " " : ""}`,
      exact: exact && (Boolean(word) || sendable(command, quoted)),
      place: [exact ? 0 : 1, starts ? 0 : 1, looking(command.name) ? 0 : fits ? 1 : 2],
    });
  }
  items.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1] || a.place[2] - b.place[2]);
  return items.length ? { items, select: 0 } : null;
}

function sendable(command, quoted) {
  const enough = command.forms.some((form) => form.every((slot) => slot.optional));
  return (enough || command.forms.length === 0) && (["none", "maybe"].includes(command.orders) || Boolean(quoted));
}

/** Orders, names and words behind a command. */
function commandArguments({ before, after, offers, alone, quoted }) {
  const read = readName(before, offers, alone);
  if (!read) return null;
  const { command } = read;
  const { orders, places } = locate(command, read.rest, offers, Boolean(quoted));
  const order = offers.order(orders[0]) ?? (orders.length ? null : (quoted?.order ?? null));
  const context = { offers, command, order, taken: orders, alone };
  const usage = usagePieces(command, places);
  // In the middle of a word nothing is offered: it would be cut in two.
  const open = /^\S/.test(after) ? [] : places;
  const items = new Map();
  // What must be there comes first while nothing is typed; then what begins as it is typed.
  for (const place of [...open].sort((one, other) => Number(other.needed) - Number(one.needed))) {
    for (const item of itemsAt(place, context)) {
      if (items.has(item.label)) continue;
      const space = item.open || after || !follows(place, command) ? "" : " ";
      items.set(item.label, {
        ...item,
        start: read.at + place.from,
        insert: `${item.insert}${space}`,
        exact: Boolean(item.typed) && !place.more,
        chosen: chosenByEnter(place),
      });
    }
  }
  const list = [...items.values()].sort((one, other) => (one.rank ?? 0) - (other.rank ?? 0)).slice(0, MOST);
  const written = list.findIndex((item) => item.typed);
  const select = written < 0 ? list.findIndex((item) => item.chosen) : written;
  const orderWanted = open[0]?.slot === null && !open[0].token && open[0].needed;
  const finished = list.length > 0 && places.length > 0 && places.every(({ needed }) => !needed) && orders.length > 0;
  const none = !list.length && orderWanted ? `现在没有能${command.name}的在办工单` : "";
  const note = none || (finished ? "可不填，直接发送" : "");
  return { items: list, select, usage, note };
}

/** An order's number may be one that is not listed: what is typed stands, unless it is just the listed one. */
function chosenByEnter({ slot, token, needed }) {
  if (slot === null) return needed && (token === "" || !isReference(token));
  return needed || token !== "";
}

function follows(place, command) {
  return place.slot === null ? command.orders !== "maybe" && command.forms.some((form) => form.length) : !place.last;
}

function itemsAt(place, context) {
  return place.slot === null ? orderItems(place.token, context) : ITEMS[place.slot.kind](place.slot, place.token, context);
}

function orderItems(token, { offers, command, taken }) {
  const typed = token.normalize("NFKC").split(/[,、]/).at(-1);
  const digits = /^#?\d*$/.test(typed) ? typed.replace("#", "") : null;
  const fits = ({ id, title }) =>
    digits === null
      ? title.includes(typed)
      : String(id).startsWith(digits) || (digits.length === 3 && String(id).endsWith(digits));
  return offers.orders
    .filter((order) => order.commands.includes(command.name) && !taken.includes(String(order.id)) && fits(order))
    .map((order) => ({
      label: `#${order.id}`,
      hint: order.title,
      detail: [order.level === "一般" ? "" : order.level, order.state, offers.department(order.department)?.name]
        .filter(Boolean)
        .join(" "),
      tone: order.level === "紧急" ? "urgent" : "",
      insert: `${token.slice(0, token.length - typed.length)}${order.id}`,
      typed: digits === String(order.id),
    }));
}

const ITEMS = {
  choice: (slot, token) => words(slot.words ?? [], token).map((item) => ({ ...item, hint: slot.about ?? "" })),
  when: (slot, token) => words(slot.words ?? [], token),
  period: (slot, token) => words(slot.words ?? [], token),
  department(slot, token, { offers, order }) {
    if (!slot.before) return named(offers.departments, token);
    // On behalf of the 主办 科室 only: it, or one of its people who gave the word.
    const own = order && offers.department(order.department);
    const people = own ? offers.people.filter(({ department, handles }) => handles && department === own.id) : [];
    const query = token.replace(new RegExp(`^${slot.before}\\s*`), "");
    return [...named(own ? [own] : offers.departments, query), ...named(people, query)].map((item) => ({
      ...item,
      label: `${slot.before} ${item.label}`,
      insert: `${slot.before} ${item.insert}`,
    }));
  },
  departments(slot, token, { offers }) {
    const parts = token.split(/[+＋、]/);
    const query = parts.at(-1).trimStart();
    const before = token.slice(0, token.length - query.length);
    const taken = new Set(parts.slice(0, -1).map((name) => offers.department(name.trim())?.id));
    const free = offers.departments.filter(({ id }) => !taken.has(id));
    return named(free, query).map((item) => ({ ...item, insert: `${before}${item.insert}` }));
  },
  community: (slot, token, { offers }) => (token ? named(offers.communities, token) : []),
  subject: (slot, token, { offers }) =>
    token ? named([...offers.departments, ...offers.communities, ...offers.patches], token) : [],
  person(slot, token, { offers, order }) {
    const own = ({ department }) => order !== null && department === order.department;
    const people = slot.colleague && order ? offers.people.filter((each) => own(each) && each.handles) : offers.people;
    const near = [...people].sort((a, b) => Number(own(b)) - Number(own(a)));
    return named(near, token.replace(/^[@＠]/, ""), (each) => each.department_name ?? "");
  },
  command: (slot, token, { offers, alone }) =>
    offers.commands
      .filter(({ name, private: inPrivate }) => name.startsWith(token.replace(/^[/／]/, "")) && (alone || !inPrivate))
      .map(({ name, summary }) => ({ label: name, hint: summary, insert: name, typed: name === token })),
  word: (slot) => (slot.before ? [{ label: slot.before, hint: slot.label, insert: `${slot.before} `, open: true }] : []),
  text: () => [],
};

const words = (known, token) =>
  known
    .filter((word) => word.startsWith(token))
    .map((word) => ({ label: word, insert: word, typed: word === token }));

/** People, 科室, 社区 whose name, alias or id has what is typed; the beginning counts more. */
function named(things, query, hintOf = (thing) => (thing.aliases ?? []).join(" ")) {
  const typed = query.toLowerCase();
  const namesOf = ({ id, name, aliases = [] }) => [name, id, ...aliases].filter(Boolean).map((each) => each.toLowerCase());
  return things
    .map((thing) => ({ thing, names: namesOf(thing) }))
    .filter(({ names }) => names.some((name) => name.includes(typed)))
    .map(({ thing, names }) => ({
      label: thing.name,
      hint: hintOf(thing),
      insert: thing.name,
      typed: names.includes(typed),
      rank: names.some((name) => name.startsWith(typed)) ? 0 : 1,
    }))
    .sort((a, b) => a.rank - b.rank);
}

/** The usage as pieces, [{text, active}]: what is being typed stands out. */
function usagePieces(command, places) {
  const mark = { none: "", one: "N", many: "N…", maybe: "N" }[command.orders];
  const wanted = places.find(({ needed }) => needed) ?? places[0];
  const atOrder = places.length > 0 && wanted.slot === null;
  const forms = command.forms.filter((form) => atOrder || !places.length || places.some((each) => each.form === form));
  const pieces = [{ text: `/${command.name}` }];
  for (const [index, form] of (forms.length ? forms : command.forms).entries()) {
    if (index > 0) pieces.push({ text: "或" });
    if (mark) pieces.push({ text: mark, active: atOrder && index === 0 });
    if (command.orders === "maybe" && form.length) pieces.push({ text: "或" });
    for (const slot of form) pieces.push({ text: slot.usage, active: places.some((place) => place.slot === slot) });
  }
  return pieces;
}
