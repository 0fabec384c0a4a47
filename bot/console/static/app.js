/* Wiring: what arrives goes into the session, what is typed goes through the outbox, one refresh shows both. */

import * as api from "./api.js";
import { Arrivals } from "./arrivals.js";
import { ClockControl } from "./clock.js";
import { Composer, quoteLine } from "./composer.js";
import { byId } from "./dom.js";
import { isWhole, readName } from "./grammar.js";
import { drafts, speaker } from "./memory.js";
import { MessageList } from "./messages.js";
import { Outbox } from "./outbox.js";
import { showCommands, toast } from "./panel.js";
import { PeopleDialog } from "./people.js";
import { PURPOSES, standing } from "./roles.js";
import {
  chats,
  clock,
  groupName,
  here,
  markRead,
  mendMark,
  mine,
  nameOf,
  offers,
  office,
  revealed,
  unread,
  unreadMark,
  visibleGroups,
} from "./session.js";
import { showChats, showConnection, showRehearsal, showSpeaker, showTotals } from "./sidebar.js";
import { Stream } from "./stream.js";
import { firstLine, TextReader } from "./text.js";

const CLOCK_EVERY = 10_000;
const RETRY_START = 3_000;
const MOST_ACTORS = 3;
/** Steps that were tapped under a message and are somebody else's: {person, command} by the message's id. */
const proposed = new Map();
const narrow = matchMedia("(max-width: 767px)");

const outbox = new Outbox({
  send: (message, onProgress) => (message.files ? api.sendFiles(message, onProgress) : api.send(message)),
  onAnswer: (entry, answer) => arrivals.answered(entry, answer),
  onChange: refresh,
});
const arrivals = new Arrivals({ outbox, onChange: refresh });
const stream = new Stream({
  after: () => chats.newestId,
  onMessage: (message) => arrivals.streamed(message),
  onOpen: lineStands,
  onState: showLine,
});
const dialog = new PeopleDialog({ onChoose: (person) => speakAs(person.id) });
const list = new MessageList({
  quote: (message) => composer.quote(message.id),
  order: (number) => composer.addOrder(number),
  command: putCommand,
  act: actAs,
  open: openChat,
  retry: (id) => outbox.retry(id),
  edit: takeBack,
  drop: (id) => outbox.drop(id),
  seen: refresh,
});
const composer = new Composer({
  onSend: send,
  describe: quoted,
  onDraft: refresh,
  offers,
  onTrouble: toast,
});
new ClockControl({ clock, onMoved: tick, onTrouble: toast });

async function start() {
  try {
    await learnOffice();
    await arrivals.fetchAll();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("trouble").hidden = false;
    for (const id of ["trouble", "status"])
      byId(id).querySelector("[data-part=text]").textContent = `${error.message}，正在重试…`;
    setTimeout(start, RETRY_START);
    return;
  }
  visibleGroups().forEach(mendMark);
  here.loaded = true;
  route();
  outbox.start();
  stream.connect();
  setInterval(tellTime, CLOCK_EVERY);
  setInterval(tick, 1000);
}

async function learnOffice() {
  const [people, groups, commands] = await Promise.all([api.people(), api.groups(), api.commands()]);
  await tellTime();
  office.people = new Map(people.map((person) => [person.id, person]));
  office.groups = groups.filter((group) => !group.id.startsWith("@"));
  office.commands = commands;
  offers.all = commands;
  here.person = office.people.get(speaker.get()) ?? people.find(({ roles }) => roles.includes("duty")) ?? people[0];
  if (!here.person) throw new api.ApiError("组织里还没有人，请先在组织文件里添加");
  await learnOffers();
}

/** Roles decide which commands there are; texts are read anew, for what can be tapped in them depends on it. */
async function learnOffers() {
  if (!(await offers.load(here.person.id))) return;
  showCommands(offers.commands);
  office.reader = new TextReader([...office.people.values()], office.commands, offers);
  office.version += 1;
}

function listen() {
  for (const id of ["speaker", "speaker-inline"]) {
    byId(id).addEventListener("click", () => here.person && dialog.open([...office.people.values()], here.person.id));
  }
  for (const id of ["groups", "private"]) {
    byId(id).addEventListener("click", (event) => {
      const item = event.target.closest(".chat-item");
      if (item) openChat(item.dataset.group);
    });
  }
  byId("commands").addEventListener("click", (event) => {
    const item = event.target.closest("[data-command]");
    if (item) putCommand(item.dataset.command);
  });
  byId("back").addEventListener("click", () => (history.state?.inside ? history.back() : leaveChat()));
  byId("reconnect").addEventListener("click", () => stream.nudge());
  addEventListener("popstate", route);
  addEventListener("online", () => here.loaded && stream.nudge());
  narrow.addEventListener("change", route);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !here.loaded) return;
    stream.nudge();
    tellTime();
    refresh();
  });
}

/* Where we are: the address after # is the open chat, so that the phone's own back button works. */

function route() {
  if (!here.loaded) return;
  const asked = askedGroup();
  const group = asked ?? (narrow.matches ? null : (here.group ?? visibleGroups()[0]));
  byId("app").dataset.view = group ? "chat" : "list";
  if (group !== here.group) {
    here.group = group;
    here.unreadAfter = group ? unreadMark(group) : null;
  }
  if (group) composer.open(here.person.id, group);
  refreshNow();
  if (group && !narrow.matches) composer.focus();
}

function askedGroup() {
  try {
    const asked = decodeURIComponent(location.hash.slice(1));
    return visibleGroups().includes(asked) ? asked : null;
  } catch {
    // An address somebody mistyped opens no chat.
    return null;
  }
}

const address = (group) => `#${encodeURIComponent(group)}`;

function openChat(group) {
  if (group === here.group) return list.toEnd();
  // From one chat to another replaces, so that "back" always leads to the list.
  if (here.group) history.replaceState(history.state, "", address(group));
  else history.pushState({ inside: true }, "", address(group));
  return route();
}

function leaveChat() {
  history.replaceState(null, "", location.pathname);
  route();
}

async function speakAs(id) {
  const inPrivate = here.group === mine();
  here.person = office.people.get(id);
  speaker.set(id);
  try {
    await Promise.all([arrivals.fetchGroup(mine()), learnOffers()]);
  } catch (error) {
    // No line: the private chat is filled when it stands again.
    if (!(error instanceof api.ApiError)) throw error;
  }
  visibleGroups().forEach(mendMark);
  if (inPrivate) history.replaceState(history.state, "", address(mine()));
  else if (here.group) here.unreadAfter = unreadMark(here.group);
  route();
  toast(`现在是 ${here.person.name}（${standing(here.person)}）在发言`);
}

/* Showing. */

let pending = null;

/** Many messages at once are shown once. Not by animation frame: a hidden page must count its unread too. */
function refresh() {
  pending ??= setTimeout(refreshNow, 16);
}

function refreshNow() {
  clearTimeout(pending);
  pending = null;
  if (!here.loaded) return;
  if (here.group && !document.hidden && list.atEnd) markRead(here.group);
  const rows = visibleGroups().map(chatRow);
  showSpeaker(here.person);
  showChats(rows, clock.now());
  showTotals(rows);
  if (here.group) showChat(here.group);
  composer.refresh();
  showLine();
}

function chatRow(id) {
  const last = chats.newest(id);
  const alone = !last || id.startsWith("@") || last.from === "bot";
  const sender = alone ? "" : last.from === here.person.id ? "我" : nameOf(last.from);
  const open = id === here.group;
  return {
    id,
    name: groupName(id),
    last,
    sender,
    open,
    unread: unread(id),
    draft: open ? "" : drafts.get(here.person.id, id).text.trim(),
  };
}

function showChat(group) {
  const known = office.groups.find(({ id }) => id === group);
  byId("chat-name").textContent = groupName(group);
  byId("chat-purpose").textContent = known
    ? (PURPOSES[known.purpose] ?? known.purpose)
    : "只有你和机器人看得到，不用写斜杠";
  list.show({
    group,
    person: here.person,
    messages: chats.list(group),
    ghosts: outbox.ghosts(here.person.id, group),
    extras: (id) => outbox.extras(here.person.id, group, id),
    textOf: (message) => revealed.get(message.id) ?? message.text,
    find: (id) => chats.get(group, id),
    personOf: (id) => office.people.get(id) ?? null,
    nameOf,
    acting,
    reader: office.reader,
    version: office.version,
    now: clock.now(),
    unreadAfter: here.unreadAfter,
  });
}

function showLine() {
  showConnection(stream, chats.newestId);
}

function lineStands() {
  outbox.retryAll();
  tellTime();
  arrivals.fetchAll().then(refresh, () => stream.lost());
}

function tick() {
  showRehearsal(clock);
  if (stream.state !== "open") showLine();
}

async function tellTime() {
  try {
    clock.set(await api.clock());
  } catch (error) {
    // Whether the line stands is shown already; the clock goes on from what it last knew.
    if (!(error instanceof api.ApiError)) throw error;
  }
  tick();
}

/* Small answers to taps and keys. */

function send({ text, quote, files }) {
  const after = chats.newest(here.group)?.id ?? 0;
  outbox.add({ person: here.person.id, group: here.group, text, quote, files, after });
  here.unreadAfter = null;
  refreshNow();
  list.toEnd();
}

/** A command that was tapped; where something is still to be written, the caret stands where it goes. */
async function putCommand(command, message = null) {
  if (!here.group) return;
  const whose = clock.rehearsal ? await nextActor(command, message).catch(nobody) : null;
  if (whose) {
    proposed.set(message.id, { person: whose.id, command });
    refreshNow();
    return;
  }
  const before = composer.text;
  const text = complete(command) ? command : `${command.trimEnd()} `;
  composer.replace(text);
  if (before.trim() && before !== text)
    toast("换掉了输入框里的内容", { label: "恢复", run: () => composer.replace(before) });
}

/** No line: the service says who may, once the command can be sent. */
function nobody(error) {
  if (!(error instanceof api.ApiError)) throw error;
  return null;
}

/** Whether nothing is left to be written behind a command. */
function complete(command) {
  const read = readName(`${command} `, offers, true);
  return !read || isWhole(read.command, read.rest, offers);
}

/** Whether a step is said with its order. Commands of others are known by their usage alone. */
function needsOrderAlone(command) {
  const [, name] = /^\/(\D+?) ?#?\d+$/.exec(command) ?? [];
  const usage = office.commands.find((each) => each.name === name)?.usage ?? "";
  return /^N…?(?: \[[^\]]*\])*$/.test(usage);
}

/** Who can take the step that was refused to the speaker, or that was tapped and is not theirs: {note, people, whole}. */
function acting(message) {
  if (!clock.rehearsal || message.from !== "bot") return null;
  const tapped = office.people.get(proposed.get(message.id)?.person);
  if (tapped && tapped.id !== here.person.id) {
    const note = `这一步由${tapped.name}（${standing(tapped)}）来做`;
    return { note, people: [tapped], whole: needsOrderAlone(proposed.get(message.id).command) };
  }
  if (message.kind !== "reply" || !message.text.includes("没有这个职责")) return null;
  const named = [...message.text.matchAll(/由([^。\n]+?)操作，您/g)].map((match) => match[1]).join("");
  const people = [...office.people.values()].filter(({ id, name }) => id !== here.person.id && named.includes(name));
  return people.length ? { note: "", people: people.slice(0, MOST_ACTORS), whole: false } : null;
}

async function actAs(message, person) {
  const asked = chats.list(here.group).filter(({ id, from }) => id < message.id && from !== "bot").at(-1);
  const command = proposed.get(message.id)?.command ?? asked?.text;
  proposed.delete(message.id);
  await speakAs(person);
  if (!command) return;
  if (needsOrderAlone(command)) send({ text: command, quote: null });
  else putCommand(command);
}

/** In a rehearsal one person plays all: who takes a step that is not the speaker's; null where that is the speaker. A seat
 * could act for a 科室, with 代: whoever does it in their own name comes first, and of these who is called. */
async function nextActor(command, message) {
  const [, name, order] = /^\/(\D+?) ?#?(\d+)/.exec(command) ?? [];
  if (!name || message?.from !== "bot") return null;
  if (role(offers, name, Number(order)) === "own") return null;
  // What is known may be older than the message that was tapped.
  const own = role(await api.complete(here.person.id), name, Number(order));
  if (own === "own") return null;
  const others = [...new Set([...message.mentions, ...office.people.keys()])].filter((id) => id !== here.person.id);
  const given = await Promise.all(others.map((id) => api.complete(id)));
  const roles = given.map((each) => role(each, name, Number(order)));
  const place = roles.includes("own") || own ? roles.indexOf("own") : roles.indexOf("instead");
  return office.people.get(others[place]) ?? null;
}

/** How somebody may take a step of an order: in their "own" name, "instead" of a 科室, or null. */
function role({ orders, commands }, name, number) {
  if (!orders.some(({ id, commands: allowed }) => id === number && allowed.includes(name))) return null;
  const forms = commands.find((each) => each.name === name)?.forms ?? [];
  return forms.some((form) => form.some((slot) => slot.before === "代" && !slot.optional)) ? "instead" : "own";
}

/** Who said the quoted message, its first line, and the order it is about, if that is one that is open. */
function quoted(id) {
  const message = chats.get(here.group, id);
  const order = /【#(\d+)】/.exec(firstLine(message?.text ?? "", Infinity))?.[1];
  return message && { ...quoteLine(message, nameOf), order: offers.order(order) };
}

function takeBack(messageId) {
  const entry = outbox.drop(messageId);
  composer.replace(entry.text);
  if (entry.files?.length) composer.staged.add(entry.files);
  if (entry.quote !== null) composer.quote(entry.quote);
}

listen();
start();
