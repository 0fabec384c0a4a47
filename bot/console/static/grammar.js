/*
 * Where in a command the caret stands. The service says what stands after each command's orders (`forms` of slots,
 * GET /console/complete); this walks a typed text along them. It only guesses what may be offered: what a command
 * means is decided by the service alone.
 */

const SLASH = /^[/／、\\]/;
const REFERENCE = /^(?:#?\d+(?:[-~]#?\d+)?(?:[,、]#?\d+(?:-#?\d+)?)*|\p{Script=Han}*-?\d{6,}(?:-\d+)*)$/u;
const MOMENT =
  /^(?:[今明昨前后本下上][天日周月]|[今明昨前后]|周|星期|上午|下午|\d|[一二两三四五六七八九十半]+个)\S*(?:\s+\d{1,2}[:：点时]\S*)?(?=\s|$)/;
const SUM = /^[^\s+＋、]+(?:\s*[+＋、]\s*[^\s+＋、]*)*/;
const AFTER_CHOICE = /[\s,;:。、，；：]/;

export const startsCommand = (text) => SLASH.test(text);

export const isReference = (word) => REFERENCE.test(word.normalize("NFKC"));

/** {command, rest, at}: a known name with something behind it, and where its arguments begin; else null. */
export function readName(text, offers, alone) {
  const found = /^([/／、\\]?)([^\s\d#/／\\]+)([\s\d#])/.exec(text);
  if (!found || (!found[1] && !alone)) return null;
  const [, slash, name, next] = found;
  const command = offers.byName.get(name.toLowerCase());
  if (!command) return null;
  const at = slash.length + name.length + (/\s/.test(next) ? 1 : 0);
  return { command, rest: text.slice(at), at };
}

/**
 * {orders, places}: the order words that are complete, and what the last word may be: [{slot, form, token, from,
 * needed, more}]. `slot` null is an order; `needed` whether it must be there; `more` whether something must follow.
 */
export function locate(command, rest, offers, quoted) {
  const orders = [];
  const places = [];
  let at = 0;
  const takesOrders = command.orders !== "none";
  const needsMore = command.forms.every((form) => form.some((slot) => !slot.optional));
  while (takesOrders) {
    const word = wordAt(rest, at);
    const typing = word.end === rest.length;
    const reference = word.text !== "" && isReference(word.text);
    if (typing && (reference || (!orders.length && !quoted))) {
      const optional = orders.length > 0 || command.orders === "maybe";
      const more = needsMore && command.orders !== "maybe";
      places.push({ slot: null, token: word.text, from: word.start, needed: !optional, more });
      if (reference || !optional) return { orders, places };
      break;
    }
    if (!reference) break;
    orders.push(word.text);
    at = word.end;
    if (command.orders !== "many") break;
  }
  // An order, or words: with the order nothing else is written.
  if (command.orders === "maybe" && orders.length) return { orders, places };
  for (const form of command.forms) places.push(...alongForm(form, rest, at, offers));
  return { orders, places };
}

/**
 * What to keep of the words behind a command in a text: its values, not the names of what is to be filled in. Of an
 * `example` that records something only its fixed words, and none where they would be a whole command: its values are of
 * another order.
 */
export function keptWords(command, orders, tail, offers, example = false) {
  let best = "";
  const line = tail.split(/[；;）)。\n]|[\s，]或\s|\//u, 1)[0].trimEnd();
  if (command.orders === "maybe" && orders) return best;
  const fixed = example && ["one", "many"].includes(command.orders);
  for (const form of command.forms) {
    const kept = keptAlong(form, line, orders, offers, fixed);
    if (kept.length > best.length) best = kept;
  }
  return fixed && isWhole(command, `1 ${best}`, offers) ? "" : best;
}

/** Whether nothing must follow these arguments. */
export function isWhole(command, rest, offers) {
  const { places } = locate(command, `${rest} `, offers, false);
  return !places.some(({ slot, token, needed }) => needed && !(slot?.kind === "text" && token.trim()));
}

function alongForm(form, rest, start, offers) {
  const used = new Set();
  let index = 0;
  let at = start;
  for (;;) {
    const word = wordAt(rest, at);
    const open = openSlots(form, index, used);
    const place = (number, token = word.text) => ({
      slot: form[number],
      form,
      token,
      from: word.start,
      needed: !form[number].optional,
      more: form.some((slot, later) => later > number && !slot.optional && !used.has(later)),
      last: number === form.length - 1,
    });
    if (word.end === rest.length) return open.map((number) => place(number));
    const left = rest.slice(word.start);
    const number = open.find((each) => take(form[each], left, offers) > 0);
    if (number === undefined) return [];
    const length = take(form[number], left, offers);
    if (length === left.length) return [place(number, left)];
    if (form[number].free) used.add(number);
    else index = number + 1;
    at = word.start + length;
  }
}

function keptAlong(form, line, orders, offers, fixed) {
  const used = new Set();
  let index = 0;
  let end = 0;
  for (;;) {
    const word = wordAt(line, end);
    if (!word.text) return line.slice(0, end).trim();
    const left = line.slice(word.start);
    const number = openSlots(form, index, used).find((each) => given(form[each], left, orders, offers, fixed));
    if (number === undefined) return line.slice(0, end).trim();
    const slot = form[number];
    end = slot.kind === "text" ? line.length : word.start + take(slot, left, offers);
    if (slot.free) used.add(number);
    else index = number + 1;
  }
}

/** Whether the words are a value for the slot; a name of it ("理由", "主办科室", "…") is not. */
function given(slot, left, orders, offers, fixed) {
  if (fixed && (slot.kind !== "choice" || slot.before)) return false;
  if (slot.kind === "text") return Boolean(orders) && !slot.optional && !left.startsWith(slot.label) && left[0] !== "…";
  if (slot.kind === "word" && !slot.before)
    return !slot.optional && left.split(/\s/, 1)[0] !== slot.label && left[0] !== "…";
  if (slot.kind === "departments")
    return SUM.exec(left)?.[0].split(/[+＋、]/).every((name) => offers.isDepartment(name.trim())) ?? false;
  if (slot.kind === "person") return offers.isPerson(left.split(/\s/, 1)[0]);
  return take({ ...slot, optional: true }, left, offers) > 0;
}

/** Numbers of the slots that may come next: up to the first that must be there; free neighbours in any order. */
function openSlots(form, index, used) {
  const open = [];
  for (let number = index; number < form.length; number += 1) {
    if (used.has(number)) continue;
    open.push(number);
    if (!form[number].optional) break;
  }
  return open;
}

/** How many letters at the beginning of `text` belong to the slot; 0: none. */
function take(slot, text, offers) {
  const word = /^\S*/.exec(text)[0];
  if (slot.before) {
    const found = new RegExp(`^${slot.before}\\s*\\S*`).exec(text);
    return found ? found[0].length : 0;
  }
  const known = {
    choice: () => choiceLength(slot.words ?? [], text),
    department: () => offers.isDepartment(word) && word.length,
    departments: () => SUM.exec(text)?.[0].length ?? 0,
    community: () => offers.isCommunity(word) && word.length,
    subject: () => (offers.isDepartment(word) || offers.isCommunity(word) || offers.isPatch(word)) && word.length,
    person: () => word.length,
    when: () => MOMENT.exec(text)?.[0].length ?? 0,
    period: () => (slot.words?.includes(word) || MOMENT.test(word) || /^\d/.test(word)) && word.length,
    command: () => offers.byName.has(word.replace(SLASH, "").toLowerCase()) && word.length,
    word: () => word.length,
    text: () => text.length,
  }[slot.kind]();
  if (known) return known;
  // What must be there is there, even where this page does not know it; only a choice tells two forms apart.
  return slot.optional || slot.kind === "choice" ? 0 : word.length;
}

function choiceLength(words, text) {
  const fits = (word) => text.startsWith(word) && (text.length === word.length || AFTER_CHOICE.test(text[word.length]));
  return Math.max(0, ...words.filter(fits).map((word) => word.length));
}

/** The next word behind blanks: {text, start, end}; at the end an empty one. */
function wordAt(text, at) {
  const start = at + /^\s*/.exec(text.slice(at))[0].length;
  const [word] = /^\S*/.exec(text.slice(start));
  return { text: word, start, end: start + word.length };
}
