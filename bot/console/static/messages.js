/* The messages of the open chat: bubbles, day lines, what is still being sent. */

import { avatar, byId, el, icon, reconcile } from "./dom.js";
import { standing } from "./roles.js";
import { firstLine } from "./text.js";
import { clockTime, dayKey, dayName, fullTime } from "./time.js";

const PAGE = 200;
const TOGETHER = 3 * 60 * 1000;
const NEAR_END = 80;
const LONG = { letters: 1600, lines: 32 };
const KINDS = { urgent: "紧急", reminder: "提醒", notice: "通知" };
const STATES = {
  waiting: "等待发送", sending: "发送中…", sent: "已送达", failed: "未送达", held: "上次没有送出", refused: "没有收下",
};

export class MessageList {
  #scroller = byId("scroller");
  #list = byId("messages");
  #newer = byId("newer");
  #group = null;
  #shown = PAGE;
  #expanded = new Set();
  #unseen = 0;
  #lastId = 0;
  #atEnd = true;

  /** `on`: {quote(message), order(number), command(text), open(group), retry(id), edit(id), drop(id), seen()}. */
  constructor(on) {
    this.on = on;
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#newer.addEventListener("click", () => this.toEnd());
    this.#scroller.addEventListener("scroll", () => {
      this.#atEnd = this.#distance() < NEAR_END;
      if (this.#atEnd) this.#nothingUnseen();
    }, { passive: true });
    // The box grows, the keyboard opens: whoever was reading the newest message goes on reading it.
    new ResizeObserver(() => this.#atEnd && this.#jump()).observe(this.#scroller);
  }

  get atEnd() {
    return this.#atEnd;
  }

  /**
   * `view`: {group, person, messages, ghosts, extras(id), textOf(message), personOf(id), reader, now, unreadAfter}.
   */
  show(view) {
    const opened = view.group !== this.#group;
    if (opened) this.#open(view.group);
    this.view = view;
    const follow = opened || this.#atEnd;
    const arrived = view.messages.filter((message) => message.id > this.#lastId && message.from !== view.person.id).length;
    reconcile(this.#list, this.#items(view));
    this.#lastId = view.messages.at(-1)?.id ?? 0;
    if (follow) this.#jump();
    else if (arrived) this.#showUnseen(this.#unseen + arrived);
  }

  toEnd() {
    this.#nothingUnseen();
    this.#atEnd = true;
    this.#jump();
  }

  #open(group) {
    this.#group = group;
    this.#shown = PAGE;
    this.#lastId = Infinity;
    this.#expanded.clear();
    this.#nothingUnseen();
    this.#atEnd = true;
  }

  #items(view) {
    const items = [];
    const messages = view.messages.slice(-this.#shown);
    if (messages.length < view.messages.length) {
      items.push({ key: "earlier", signature: "", build: () => el("li.line", {}, el("button.link", { type: "button", data: { action: "earlier" } }, "查看更早的消息")) });
    }
    let before = null;
    for (const message of messages) {
      const day = dayKey(message.at);
      if (!before || dayKey(before.at) !== day) {
        const name = dayName(message.at, view.now);
        items.push({ key: `day-${day}`, signature: name, build: () => el("li.line", {}, el("span.day", {}, name)) });
      }
      const first = view.unreadAfter !== null && message.id > view.unreadAfter && (before?.id ?? 0) <= view.unreadAfter;
      if (first && before) items.push({ key: "unread", signature: "", build: () => el("li.line.unread", {}, el("span", {}, "以下为新消息")) });
      items.push(this.#item(message, before, view));
      before = message;
    }
    for (const entry of view.ghosts) items.push(this.#ghostItem(entry, view));
    if (!items.length) items.push({ key: "empty", signature: "", build: empty });
    return items;
  }

  #item(message, before, view) {
    const text = view.textOf(message);
    const own = message.from === view.person.id;
    const together = before && before.from === message.from && message.at - before.at < TOGETHER && dayKey(before.at) === dayKey(message.at);
    const extras = own ? view.extras(message.id) : null;
    const quoted = message.quote ?? extras?.quote ?? null;
    const open = this.#expanded.has(message.id);
    const signature = JSON.stringify([view.person.id, view.version, together, text, extras?.privately, quoted, open]);
    return { key: `m${message.id}`, signature, build: () => this.#bubbleRow({ message, text, own, together, extras, quoted, open, view }) };
  }

  #bubbleRow({ message, text, own, together, extras, quoted, open, view }) {
    const bot = message.from === "bot";
    const person = bot ? { id: "bot", name: "接诉即办" } : (view.personOf(message.from) ?? { id: message.from, name: message.from, roles: [] });
    const called = message.mentions.includes(view.person.id) && !own;
    const kind = bot ? (KINDS[message.kind] ?? null) : null;
    const row = el(
      "li.row", { class: `${own ? "own" : "other"}${bot ? " bot" : ""}${together ? " together" : ""}${called ? " called" : ""}`, data: { message: message.id, kind: message.kind ?? "message", from: message.from } },
      own ? null : avatar(person.id, person.name, bot ? "robot" : "person"),
      el(
        "div.column", {},
        el(
          "p.meta", {},
          own ? null : el("span.sender", {}, person.name), own || bot ? null : el("span.standing", {}, standing(person)),
          el("time", { datetime: message.at.toISOString(), title: fullTime(message.at) }, clockTime(message.at)),
        ),
        el(
          "div.bubble", {},
          kind ? el("span.kind", {}, kind) : null,
          quoteBlock(quoted, view),
          this.#body(message.id, text, open, view, bot),
          missingMentions(message, text, view),
        ),
        extras?.privately ? el("p.note", {}, icon("lock"), el("button.link", { type: "button", data: { action: "private" } }, "机器人已私聊回复，点此查看")) : null,
      ),
      el("button.icon-button.small.quote-button", { type: "button", data: { action: "quote" }, "aria-label": "引用这条消息", title: "引用" }, icon("quote")),
    );
    return row;
  }

  #body(id, text, open, view, commands) {
    const long = text.length > LONG.letters || text.split("\n", LONG.lines + 1).length > LONG.lines;
    const body = el("div.text", { class: long && !open ? "clamped" : "" }, ...view.reader.nodes(text, { reader: view.person.id, commands }));
    if (!long) return body;
    const toggle = el("button.link.more", { type: "button", data: { action: "expand" }, "aria-expanded": String(open) }, open ? "收起" : "展开全文");
    return el("div", {}, body, toggle);
  }

  #ghostItem(entry, view) {
    const quoted = entry.quote;
    return {
      key: `g-${entry.message_id}`, signature: JSON.stringify([entry.state, entry.error, view.version]),
      build: () => el(
        "li.row.own.ghost", { data: { unsent: entry.message_id, state: entry.state } },
        el(
          "div.column", {},
          el("div.bubble", {}, quoteBlock(quoted, view), el("div.text", {}, ...view.reader.nodes(entry.text, { reader: view.person.id, commands: false }))),
          el("p.delivery", { role: entry.state === "refused" ? "alert" : null }, ...delivery(entry)),
          entry.state === "sent" && entry.privately ? el("p.note", {}, icon("lock"), el("button.link", { type: "button", data: { action: "private" } }, "机器人已私聊回复，点此查看")) : null,
        ),
      ),
    };
  }

  #click(event) {
    const row = event.target.closest(".row");
    const control = event.target.closest("button, a");
    const message = row?.dataset.message ? this.view.messages.find(({ id }) => id === Number(row.dataset.message)) : null;
    if (control?.dataset.order) return this.on.order(control.dataset.order);
    if (control?.dataset.command) return this.on.command(control.dataset.command);
    if (control) return this.#act(control.dataset.action, message, row?.dataset.unsent);
    // Selecting text to copy ends with a click as well; that is no wish to quote.
    if (message && event.target.closest(".bubble") && getSelection().isCollapsed) this.on.quote(message);
    return undefined;
  }

  #act(action, message, unsentId) {
    const actions = {
      quote: () => this.on.quote(message),
      private: () => this.on.open(`@${this.view.person.id}`),
      retry: () => this.on.retry(unsentId),
      edit: () => this.on.edit(unsentId),
      drop: () => this.on.drop(unsentId),
      earlier: () => this.#earlier(),
      expand: () => {
        if (!this.#expanded.delete(message.id)) this.#expanded.add(message.id);
        this.#atEnd = false;
        this.show(this.view);
      },
    };
    actions[action]?.();
  }

  #earlier() {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    this.#shown += PAGE;
    this.#atEnd = false;
    this.show(this.view);
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
  }

  #showUnseen(count) {
    this.#unseen = count;
    this.#newer.hidden = false;
    this.#newer.textContent = `↓ ${count} 条新消息`;
  }

  #nothingUnseen() {
    this.#unseen = 0;
    this.#newer.hidden = true;
    this.on.seen();
  }

  #distance() {
    return this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight;
  }

  #jump() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}

function quoteBlock(id, view) {
  if (id === null) return null;
  const quoted = view.find(id);
  if (!quoted) return el("blockquote", {}, "引用了一条消息");
  return el("blockquote", {}, el("span.quote-who", {}, `${view.nameOf(quoted.from)}：`), firstLine(quoted.text));
}

/** People who are called but not named in the text still have to see that they are. */
function missingMentions(message, text, view) {
  const missing = message.mentions.map((id) => view.personOf(id)).filter((person) => person && !view.reader.names(text, person));
  if (!missing.length) return null;
  return el("p.called-people", {}, ...missing.flatMap((person) => [el("mark.mention", { class: person.id === view.person.id ? "me" : "" }, `@${person.name}`), " "]));
}

function delivery(entry) {
  const button = (action, label) => el("button.link", { type: "button", data: { action } }, label);
  const parts = [el("span.delivery-state", {}, STATES[entry.state])];
  if (entry.error) parts.push(el("span.delivery-error", {}, `：${entry.error}`));
  if (entry.state === "failed") parts.push(" · ", button("retry", "重试"), " · ", button("drop", "不发了"));
  if (entry.state === "held") parts.push(" · ", button("retry", "现在发送"), " · ", button("edit", "改一改"), " · ", button("drop", "不发了"));
  if (entry.state === "refused") parts.push(" · ", button("edit", "改一改"), " · ", button("drop", "不发了"));
  return parts;
}

function empty() {
  return el("li.nothing", {}, el("p", {}, "这里还没有消息。"), el("p", {}, "输入 / 可以看到能用的命令，例如 /帮助。"));
}
