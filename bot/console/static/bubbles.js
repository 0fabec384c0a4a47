/* One message as nodes: a bubble with who, when, what was quoted, and what became of it. */

import { avatar, el, icon } from "./dom.js";
import { standing } from "./roles.js";
import { firstLine } from "./text.js";
import { clockTime, fullTime } from "./time.js";

const TOGETHER = 3 * 60 * 1000;
const LONG = { letters: 1600, lines: 32 };
/** Said in a conversation, as opposed to announced. */
const SPOKEN = ["message", "reply"];
/** Label and colour of what the bot announces; any other kind is a plain notice. */
const KINDS = {
  urgent: { label: "紧急", tone: "urgent" },
  escalated: { label: "升级", tone: "urgent" },
  mismatch: { label: "状态不符", tone: "urgent" },
  reminder: { label: "提醒", tone: "reminder" },
  catch_up: { label: "提醒", tone: "reminder" },
  urged: { label: "催办", tone: "reminder" },
  several_urged: { label: "催办", tone: "reminder" },
};
const NOTICE = { label: "通知", tone: "notice" };
const STATES = {
  waiting: "等待发送",
  sending: "发送中…",
  sent: "已送达",
  failed: "未送达",
  held: "上次没有送出",
  refused: "没有收下",
};
/** What can be done about a message that did not arrive. */
const ACTIONS = {
  failed: [
    ["retry", "重试"],
    ["drop", "不发了"],
  ],
  held: [
    ["retry", "现在发送"],
    ["edit", "改一改"],
    ["drop", "不发了"],
  ],
  refused: [
    ["edit", "改一改"],
    ["drop", "不发了"],
  ],
};

/** A stored message. `text` may differ from the stored one (/揭示); `open`: a long one is shown whole; `acting`: who
 * can take the step that the reader cannot. */
export function messageRow({ message, text, own, together, extras, quoted, open, acting, view }) {
  const bot = message.from === "bot";
  const kind = bot ? announced(message) : null;
  const called = message.mentions.includes(view.person.id) && !own;
  const classes = [own ? "own" : "other", bot && "bot", together && "together", called && "called"]
    .filter(Boolean)
    .join(" ");
  const quoteButton = { type: "button", data: { action: "quote" }, "aria-label": "引用这条消息", title: "引用" };
  return el(
    "li.row",
    {
      class: classes,
      data: { message: message.id, kind: message.kind, tone: kind?.tone ?? "spoken", from: message.from },
    },
    own ? null : avatar(message.from, view.nameOf(message.from), bot ? "robot" : "person"),
    el(
      "div.column",
      {},
      meta(message, own || bot ? null : view.personOf(message.from), own ? null : view.nameOf(message.from)),
      el(
        "div.bubble",
        {},
        kind ? el("span.kind", {}, kind.label) : null,
        quoteBlock(quoted, view),
        body(text, open, view, bot),
        missingMentions(message, text, view),
        acting ? actors(acting) : null,
      ),
      extras?.privately ? privateNote() : null,
    ),
    el("button.icon-button.small.quote-button", quoteButton, icon("quote")),
  );
}

/** A message that is not yet among the stored ones. */
export function ghostRow(entry, view) {
  const actions = ACTIONS[entry.state];
  return el(
    "li.row.own.ghost",
    { data: { unsent: entry.message_id, state: entry.state } },
    el(
      "div.column",
      {},
      // Where the time will stand, so that nothing moves when the answer comes; trouble goes below.
      actions ? null : el("p.meta", {}, `${STATES[entry.state]}${percent(entry)}`),
      el(
        "div.bubble",
        {},
        quoteBlock(entry.quote, view),
        el("div.text", {}, ...view.reader.nodes(ghostText(entry), { reader: view.person.id, commands: false })),
      ),
      actions ? delivery(entry, actions) : null,
      entry.privately ? privateNote() : null,
    ),
  );
}

function percent(entry) {
  return entry.state === "sending" && entry.files?.length ? ` ${Math.round(entry.share * 100)}%` : "";
}

/** As the stored copy will begin. */
function ghostText(entry) {
  const names = entry.files?.length ? entry.files.map(({ name }) => name) : (entry.sentFiles ?? []);
  return [names.length ? `附件：${names.join("、")}` : "", entry.text].filter(Boolean).join("\n");
}

/** Said by the same in one go: no second name and face. A notice always stands alone. */
export function follows(message, before) {
  if (before?.from !== message.from || !SPOKEN.includes(message.kind)) return false;
  return message.at - before.at < TOGETHER && before.day === message.day;
}

export function emptyChat() {
  return el("li.nothing", {}, el("p", {}, "这里还没有消息。"), el("p", {}, "输入 / 可以看到能用的命令，例如 /帮助。"));
}

function announced(message) {
  if (SPOKEN.includes(message.kind)) return null;
  const kind = KINDS[message.kind] ?? NOTICE;
  const line = firstLine(message.text);
  // The office's texts mark what is urgent or overdue with this sign on their first line.
  if (!line.includes("⚠")) return kind;
  return { label: line.includes("紧急") ? "紧急" : kind.label, tone: "urgent" };
}

function meta(message, person, name) {
  return el(
    "p.meta",
    {},
    name ? el("span.sender", {}, name) : null,
    person ? el("span.standing", {}, standing(person)) : null,
    el("time", { datetime: message.at.toISOString(), title: fullTime(message.at) }, clockTime(message.at)),
  );
}

function body(text, open, view, commands) {
  const long = text.length > LONG.letters || text.split("\n", LONG.lines + 1).length > LONG.lines;
  // No line begins with the dot between two facts.
  const nodes = view.reader.nodes(text.replaceAll(" · ", "\u00a0· "), { reader: view.person.id, commands });
  const whole = el("div.text", { class: long && !open ? "clamped" : "" }, ...nodes);
  if (!long) return whole;
  const toggle = { type: "button", data: { action: "expand" }, "aria-expanded": String(open) };
  return el("div", {}, whole, el("button.link.more", toggle, open ? "收起" : "展开全文"));
}

function quoteBlock(id, view) {
  if (id === null) return null;
  const quoted = view.find(id);
  if (!quoted) return el("blockquote", {}, "引用了一条消息");
  return el("blockquote", {}, el("span.quote-who", {}, `${view.nameOf(quoted.from)}：`), firstLine(quoted.text));
}

/** People who are called but not named in the text still have to see that they are; a reply's asker knows. */
function missingMentions(message, text, view) {
  if (SPOKEN.includes(message.kind)) return null;
  const people = message.mentions.map((id) => view.personOf(id));
  const missing = people.filter((person) => person && !view.reader.names(text, person));
  if (!missing.length) return null;
  const mark = (person) => el("mark.mention", { class: person.id === view.person.id ? "me" : "" }, `@${person.name}`);
  return el("p.called-people", {}, ...missing.flatMap((person) => [mark(person), " "]));
}

/** In a rehearsal: the step again, as somebody who may take it. It stays where it was asked for. `whole`: nothing is
 * left to be written, so that this sends it. */
function actors({ note, people, whole }) {
  const label = (name) => (whole ? `以${name}身份发送` : `以${name}身份`);
  const as = ({ id, name }) => el("button.act-as", { type: "button", data: { as: id } }, label(name));
  return el("div.acting", {}, note ? el("span", {}, note) : null, ...people.map(as));
}

function privateNote() {
  const button = el("button.link", { type: "button", data: { action: "private" } }, "机器人已私聊回复，点此查看");
  return el("p.note", {}, icon("lock"), button);
}

function delivery(entry, actions) {
  const parts = [el("span.delivery-state", {}, STATES[entry.state])];
  if (entry.error) parts.push(el("span.delivery-error", {}, `：${entry.error}`));
  for (const [action, label] of actions)
    parts.push(" · ", el("button.link", { type: "button", data: { action } }, label));
  return el("p.delivery", { role: entry.state === "refused" ? "alert" : null }, ...parts);
}
