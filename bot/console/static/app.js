/* Wiring: what arrives goes into Chats, what is typed goes through Outbox, and one refresh shows both. */

import * as api from "./api.js";
import { Chats } from "./chats.js";
import { usageOf } from "./completion.js";
import { Composer, quoteLine } from "./composer.js";
import { byId, el } from "./dom.js";
import { drafts, reads, speaker } from "./memory.js";
import { MessageList } from "./messages.js";
import { Outbox } from "./outbox.js";
import { PeopleDialog } from "./people.js";
import { PURPOSES, standing } from "./roles.js";
import { showChats, showConnection, showRehearsal, showSpeaker } from "./sidebar.js";
import { Stream } from "./stream.js";
import { firstLine, TextReader } from "./text.js";
import { dayKey, OfficeClock } from "./time.js";

const CLOCK_EVERY = 10_000;
const RETRY_START = 3_000;
const BOT = "接诉即办";
const narrow = matchMedia("(max-width: 767px)");

const chats = new Chats();
const clock = new OfficeClock();
/** Texts given only to who asked (/揭示), by message id: this page's memory is the only place they are ever kept. */
const revealed = new Map();
const office = { people: new Map(), groups: [], commands: [], reader: new TextReader([], []), version: 0 };
const here = { person: null, group: null, unreadAfter: null, loaded: false };

const outbox = new Outbox({ send: api.send, onAnswer: answered, onChange: refresh });
const stream = new Stream({ after: () => chats.newestId, onMessage: streamed, onOpen: lineStands, onState: connection });
const dialog = new PeopleDialog({ onChoose: (person) => speakAs(person.id) });
const list = new MessageList({
  quote: (message) => composer.quote(message.id),
  order: (number) => composer.addOrder(number),
  command: putCommand,
  open: (group) => openChat(group),
  retry: (id) => outbox.retry(id),
  edit: takeBack,
  drop: (id) => outbox.drop(id),
  seen: () => refresh(),
});
const composer = new Composer({
  onSend({ text, quote }) {
    outbox.add({ person: here.person.id, group: here.group, text, quote, after: chats.newest(here.group)?.id ?? 0 });
    here.unreadAfter = null;
    refreshNow();
    list.toEnd();
  },
  describe: (id) => quoteLine(chats.get(here.group, id), nameOf),
  onDraft: refresh,
});

async function start() {
  try {
    const [people, groups, commands] = await Promise.all([api.people(), api.groups(), api.commands().catch(() => [])]);
    office.people = new Map(people.map((person) => [person.id, person]));
    office.groups = groups.filter((group) => !group.id.startsWith("@"));
    office.commands = commands;
    office.reader = new TextReader(people, commands);
    office.version += 1;
    composer.commands = commands;
    showCommands();
    await tellTime();
    const remembered = office.people.get(speaker.get());
    const person = remembered ?? people.find(({ roles }) => roles.includes("duty")) ?? people[0];
    if (!person) throw new api.ApiError("组织里还没有人，请先在组织文件里添加");
    here.person = person;
    await loadAll();
    // A store that was made anew has smaller ids; a mark beyond its end would hide everything that is new.
    for (const group of visibleGroups()) clampRead(group);
    here.loaded = true;
    here.group = null;
    route();
    outbox.start();
    stream.connect();
    setInterval(tellTime, CLOCK_EVERY);
    setInterval(tick, 1000);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("trouble").hidden = false;
    byId("trouble").firstElementChild.textContent = `${error.message}，正在重试…`;
    byId("status").lastElementChild.textContent = `${error.message}，正在重试…`;
    setTimeout(start, RETRY_START);
  }
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
  byId("back").addEventListener("click", () => history.state?.inside ? history.back() : closeChat());
  byId("reconnect").addEventListener("click", () => stream.nudge());
  byId("commands").addEventListener("click", (event) => {
    const item = event.target.closest("[data-command]");
    if (item) putCommand(item.dataset.command);
  });
  addEventListener("hashchange", route);
  addEventListener("popstate", route);
  addEventListener("online", () => here.loaded && stream.nudge());
  narrow.addEventListener("change", route);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !here.loaded) return;
    stream.nudge();
    refresh();
  });
}

/* Where we are: the address after # is the open chat, so that the phone's own back button works. */

function route() {
  if (!here.loaded) return;
  const asked = decodeURIComponent(location.hash.slice(1));
  const known = visibleGroups().includes(asked) ? asked : null;
  const group = known ?? (narrow.matches ? null : (here.group ?? visibleGroups()[0]));
  byId("app").dataset.view = group ? "chat" : "list";
  if (group !== here.group) {
    here.group = group;
    here.unreadAfter = group ? unreadMark(group) : null;
    if (group) composer.open(here.person.id, group);
  }
  refreshNow();
  if (group && !narrow.matches) composer.focus();
}

function openChat(group) {
  if (group === here.group && byId("app").dataset.view === "chat") return list.toEnd();
  history.pushState({ inside: true }, "", `#${encodeURIComponent(group)}`);
  return route();
}

function closeChat() {
  history.replaceState(null, "", location.pathname);
  route();
}

async function speakAs(id) {
  const before = mine();
  here.person = office.people.get(id);
  speaker.set(id);
  if (!chats.has(mine())) await fetchGroup(mine()).catch(() => null);
  clampRead(mine());
  if (here.group === before) history.replaceState(history.state, "", `#${encodeURIComponent(mine())}`);
  else if (here.group) composer.open(id, here.group);
  here.unreadAfter = here.group ? unreadMark(here.group) : null;
  route();
  toast(`现在是 ${here.person.name}（${standing(here.person)}）在发言`);
}

/* What arrives. */

async function loadAll() {
  await Promise.all(visibleGroups().map(fetchGroup));
}

/** Get what is missing of one group; the newest known message is asked for again, to recognise another store. */
async function fetchGroup(group) {
  const known = chats.newest(group);
  const fetched = await api.messages(group, known ? known.id - 1 : null);
  const first = fetched[0];
  if (known && !(first && Number(first.id) === known.id && new Date(first.at).getTime() === known.at.getTime())) {
    location.reload();
    return;
  }
  const fresh = fetched.filter((message) => chats.receive(group, message));
  if (known) announce(group, fresh);
  adopt(group);
}

function streamed(message) {
  const { group } = message;
  if (!chats.receive(group, message)) return;
  adopt(group);
  if (visibleGroups().includes(group)) announce(group, [message]);
  refresh();
}

function lineStands() {
  outbox.retryAll();
  tellTime();
  loadAll().then(refresh, () => stream.nudge());
}

function answered(entry, answer) {
  for (const reply of answer.replies) if (reply.private) revealed.set(Number(reply.id), reply.text);
  const missing = () => entry.storedId === null || answer.replies.some((reply) => !chats.get(reply.private ? `@${entry.person}` : entry.group, reply.id));
  // The stream usually brings them within moments; when it does not, they are fetched.
  setTimeout(async () => {
    if (!missing()) return;
    const places = answer.replies.some((reply) => reply.private) ? [entry.group, `@${entry.person}`] : [entry.group];
    await Promise.all([...new Set(places)].map(fetchGroup)).catch(() => null);
    refresh();
  }, 250);
  adopt(entry.group);
  office.version += answer.replies.some((reply) => reply.private) ? 1 : 0;
}

function adopt(group) {
  outbox.adopt(group, chats.list(group));
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
  if (here.group && !document.hidden && list.atEnd) markRead();
  showSpeaker(here.person);
  const rows = visibleGroups().map(row);
  showChats(rows, clock.now());
  showTotals(rows);
  if (here.group) showChat();
  composer.refresh();
  connection();
}

function row(group) {
  const last = chats.newest(group);
  const name = group.startsWith("@") ? "我与机器人的私聊" : office.groups.find(({ id }) => id === group).name;
  const sender = !last || group.startsWith("@") || last.from === "bot" ? "" : last.from === here.person.id ? "我" : nameOf(last.from);
  const open = group === here.group;
  const unread = chats.unread(group, here.person.id, reads.get(here.person.id, group));
  const draft = open ? "" : drafts.get(here.person.id, group).text.trim();
  return { id: group, name, last, sender, unread, draft, open };
}

function showChat() {
  const group = here.group;
  const known = office.groups.find(({ id }) => id === group);
  byId("chat-name").textContent = known?.name ?? "我与机器人的私聊";
  byId("chat-purpose").textContent = known ? (PURPOSES[known.purpose] ?? known.purpose) : "只有你和机器人看得到";
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
    reader: office.reader,
    version: office.version,
    now: clock.now(),
    unreadAfter: here.unreadAfter,
  });
}

function showTotals(rows) {
  const others = rows.filter((entry) => !entry.open).reduce((sum, entry) => sum + entry.unread.count, 0);
  const all = rows.reduce((sum, entry) => sum + entry.unread.count, 0);
  const open = rows.find((entry) => entry.open);
  document.title = `${all ? `(${all}) ` : ""}${open ? `${open.name} · ` : ""}接诉即办`;
  byId("back-unread").hidden = others === 0;
  byId("back-unread").textContent = others > 99 ? "99+" : String(others);
}

function showCommands() {
  byId("panel").hidden = office.commands.length === 0;
  byId("commands").replaceChildren(...office.commands.map((command) => el(
    "li", {},
    el(
      "button.command-item", { type: "button", data: { command: `/${command.name}${usageOf(command) ? " " : ""}` } },
      el("span.command-top", {}, el("span.command-name", {}, `/${command.name}`), el("span.command-usage", {}, usageOf(command))),
      el("span.command-summary", {}, command.summary),
    ),
  )));
}

function connection() {
  showConnection(stream, chats.newestId, here.loaded);
}

function tick() {
  showRehearsal(clock, dayKey(clock.now()));
  if (stream.state !== "open") connection();
}

async function tellTime() {
  try {
    clock.set(await api.clock());
  } catch {
    // Whether the line stands is shown already; the clock goes on from what it last knew.
  }
  tick();
}

/** Said by a screen reader; the list itself stays silent, or opening a chat would read all of it out. */
function announce(group, fresh) {
  const heard = fresh.filter((message) => message.from !== here.person?.id).slice(-3);
  if (!heard.length || document.hidden) return;
  const where = group === here.group ? "" : `${row(group).name}，`;
  byId("announcer").textContent = heard.map((message) => `${where}${nameOf(message.from)}：${firstLine(message.text)}`).join("\n");
}

let toastTimer = null;

function toast(text, action = null) {
  const node = byId("toast");
  const button = node.querySelector("button");
  node.firstElementChild.textContent = text;
  button.hidden = !action;
  button.textContent = action?.label ?? "";
  button.onclick = () => {
    node.hidden = true;
    action?.run();
  };
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (node.hidden = true), action ? 6000 : 2500);
}

/* Small answers to taps. */

function putCommand(command) {
  if (!here.group) return;
  const before = composer.text;
  const text = /\d$/.test(command) ? `${command} ` : command;
  composer.replace(text);
  if (before.trim() && before !== text) toast("换掉了输入框里的内容", { label: "恢复", run: () => composer.replace(before) });
}

function takeBack(messageId) {
  const entry = outbox.drop(messageId);
  composer.replace(entry.text);
  if (entry.quote !== null) composer.quote(entry.quote);
}

/* Who, where, and how far it was read. */

const mine = () => `@${here.person.id}`;

function visibleGroups() {
  return here.person ? [...office.groups.map(({ id }) => id), mine()] : [];
}

function nameOf(id) {
  return id === "bot" ? BOT : (office.people.get(id)?.name ?? id);
}

function unreadMark(group) {
  const mark = reads.get(here.person.id, group);
  return chats.unread(group, here.person.id, mark).count ? mark : null;
}

function markRead() {
  const newest = chats.newest(here.group);
  if (newest && newest.id > reads.get(here.person.id, here.group)) reads.set(here.person.id, here.group, newest.id);
}

function clampRead(group) {
  const newest = chats.newest(group)?.id ?? 0;
  if (reads.get(here.person.id, group) > newest) reads.set(here.person.id, group, 0);
}

listen();
start();
