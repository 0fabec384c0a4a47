/* The messages of the open chat: what is shown, where it is scrolled to, what a tap does. */

import { emptyChat, follows, ghostRow, messageRow } from "./bubbles.js";
import { byId, el, reconcile } from "./dom.js";
import { dayName } from "./time.js";

const PAGE = 200;
const NEAR_END = 80;
const FINGER = 12;

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
  #pressed = null;

  /** `on`: {quote(message), order(number), command(text), act(message, person), open(group), retry(id), edit(id), drop(id), seen()}. */
  constructor(on) {
    this.on = on;
    this.#list.addEventListener("pointerdown", (event) => this.#press(event));
    // A button takes no focus: the box would lose it, the lines above it close, and the button move under the finger.
    this.#list.addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault());
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#newer.addEventListener("click", () => this.toEnd());
    this.#scroller.addEventListener(
      "scroll",
      () => {
        this.#atEnd = this.#distance() < NEAR_END;
        if (this.#atEnd) this.#nothingUnseen();
      },
      { passive: true },
    );
    // The box grows, the keyboard opens: whoever was reading the newest message goes on reading it.
    new ResizeObserver(() => this.#atEnd && this.#jump()).observe(this.#scroller);
  }

  get atEnd() {
    return this.#atEnd;
  }

  /**
   * `view`: {group, person, messages, ghosts, extras(id), textOf(message), personOf(id), acting(message), reader, now,
   * unreadAfter}.
   */
  show(view) {
    const opened = view.group !== this.#group;
    if (opened) this.#open(view.group);
    this.view = view;
    const follow = opened || this.#atEnd;
    const arrived = view.messages.filter(
      (message) => message.id > this.#lastId && message.from !== view.person.id,
    ).length;
    reconcile(this.#list, this.#items(view));
    this.#lastId = view.messages.at(-1)?.id ?? 0;
    if (follow) this.#jump(arrived > 0);
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
      items.push({ key: "earlier", signature: "", build: earlierLine });
    }
    let before = null;
    for (const message of messages) {
      if (before?.day !== message.day) {
        const name = dayName(message.at, view.now);
        items.push({
          key: `day-${message.id}`,
          signature: name,
          build: () => el("li.line", {}, el("span.day", {}, name)),
        });
      }
      const first = view.unreadAfter !== null && message.id > view.unreadAfter && (before?.id ?? 0) <= view.unreadAfter;
      if (first && before) items.push({ key: "unread", signature: "", build: unreadLine });
      items.push(this.#item(message, before, view));
      before = message;
    }
    for (const entry of view.ghosts) items.push(this.#ghostItem(entry, view));
    if (!items.length) items.push({ key: "empty", signature: "", build: emptyChat });
    return items;
  }

  #item(message, before, view) {
    const text = view.textOf(message);
    const own = message.from === view.person.id;
    const together = follows(message, before);
    const extras = own ? view.extras(message.id) : null;
    const quoted = message.quote ?? extras?.quote ?? null;
    const open = this.#expanded.has(message.id);
    const acting = view.acting(message);
    const seen = [view.person.id, view.version, together, text, extras?.privately, quoted, open];
    const signature = JSON.stringify([...seen, acting?.people.map(({ id }) => id)]);
    return {
      key: `m${message.id}`,
      signature,
      build: () => messageRow({ message, text, own, together, extras, quoted, open, acting, view }),
    };
  }

  #ghostItem(entry, view) {
    const signature = JSON.stringify([entry.state, entry.error, entry.share, view.version]);
    return { key: `g-${entry.message_id}`, signature, build: () => ghostRow(entry, view) };
  }

  #press(event) {
    this.#pressed = { control: event.target.closest("button, a"), x: event.clientX, y: event.clientY };
  }

  /** What was tapped: a new message may move it away, or build its row anew, while the finger is down. */
  #tapped(event) {
    const { control, x, y } = this.#pressed ?? {};
    this.#pressed = null;
    const still = Math.hypot(event.clientX - x, event.clientY - y) < FINGER;
    return event.target.closest("button, a") ?? (control && still ? control : null);
  }

  #click(event) {
    const control = this.#tapped(event);
    const row = (control ?? event.target).closest(".row");
    const message = row?.dataset.message
      ? this.view.messages.find(({ id }) => id === Number(row.dataset.message))
      : null;
    if (control?.dataset.order) return this.on.order(control.dataset.order);
    if (control?.dataset.command) return this.on.command(control.dataset.command, message);
    if (control?.dataset.as) return this.on.act(message, control.dataset.as);
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

  /** To the end; `arrived`: a message that is longer than what can be seen is read from its beginning. */
  #jump(arrived = false) {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    const last = this.#list.lastElementChild;
    if (!arrived || !last || last.offsetHeight <= this.#scroller.clientHeight) return;
    last.scrollIntoView({ block: "start" });
    this.#atEnd = false;
  }
}

function earlierLine() {
  return el("li.line", {}, el("button.link", { type: "button", data: { action: "earlier" } }, "查看更早的消息"));
}

function unreadLine() {
  return el("li.line.unread", {}, el("span", {}, "以下为新消息"));
}
