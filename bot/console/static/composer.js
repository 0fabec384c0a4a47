/* The box: typing, drafts, the quote above it, completion of what is being typed, sending. */

import { complete } from "./completion.js";
import { byId, el, part } from "./dom.js";
import { drafts } from "./memory.js";
import { firstLine } from "./text.js";

const TALLEST = 180;

export class Composer {
  #form = byId("composer");
  #box = byId("box");
  #list = byId("completion");
  #quoteBar = byId("quote");
  #person = null;
  #group = null;
  #quote = null;
  #found = null;
  #active = 0;

  commands = [];

  /** `onSend({text, quote})`; `describe(id)` → {who, line} of a quoted message or null; `onDraft()`. */
  constructor({ onSend, describe, onDraft }) {
    Object.assign(this, { onSend, describe, onDraft });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#box.addEventListener("input", () => this.#changed());
    this.#box.addEventListener("click", () => this.#suggest());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("compositionend", () => this.#changed());
    this.#box.addEventListener("blur", () => this.#close());
    // Pressing an item must not take the focus from the box first: the blur would close the list under the finger.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => this.#pick(event.target.closest("[role=option]")?.dataset.index));
    byId("quote-cancel").addEventListener("click", () => this.quote(null));
    byId("slash").addEventListener("click", () => this.startCommand());
    byId("newline").addEventListener("click", () => this.#insert("\n"));
  }

  get text() {
    return this.#box.value;
  }

  /** Another chat or another speaker: its own draft comes back. */
  open(person, group) {
    if (person === this.#person && group === this.#group) return;
    this.#person = person;
    this.#group = group;
    const draft = drafts.get(person, group);
    this.#box.value = draft.text;
    this.#quote = draft.quote;
    this.#close();
    this.refresh();
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** Quote a message by its id; null takes the quote away. */
  quote(id) {
    this.#quote = id;
    this.#keep();
    this.refresh();
    this.focus();
  }

  /** Put a text into the box in place of what stands there (one step for undo). */
  replace(text, caret = text.length) {
    this.focus();
    this.#box.select();
    this.#insert(text);
    this.#box.setSelectionRange(caret, caret);
    this.#suggest();
  }

  /** A number tapped: behind what is being typed, or, in an empty box, behind a command that is to be chosen. */
  addOrder(number) {
    if (this.#box.value.trim() === "") return this.replace(`/ ${number}`, 1);
    this.focus();
    const { selectionEnd, value } = this.#box;
    const before = value.slice(0, selectionEnd);
    const after = value.slice(selectionEnd);
    return this.#insert(`${/\s$/.test(before) || !before ? "" : " "}${number}${/^\s|^$/.test(after) ? "" : " "}`);
  }

  startCommand() {
    const text = this.#box.value;
    if (/^[/／、\\]/.test(text)) {
      this.focus();
      const end = text.search(/\s|$/);
      this.#box.setSelectionRange(end, end);
      this.#suggest();
    } else if (/^\s*#?\d|^\s*$/.test(text)) {
      this.replace(`/${text.trim() ? ` ${text.trim()}` : ""}`, 1);
    } else {
      this.replace(`/${text}`, 1);
    }
  }

  /** Show again what depends on others: the quoted line, the button, the height. */
  refresh() {
    const quoted = this.#quote === null ? null : this.describe(this.#quote);
    this.#quoteBar.hidden = this.#quote === null;
    part(this.#quoteBar, "who").textContent = quoted ? `${quoted.who}：` : "";
    part(this.#quoteBar, "line").textContent = quoted ? quoted.line : "一条消息";
    byId("send").disabled = this.#box.value.trim() === "";
    this.#grow();
  }

  #send() {
    const text = this.#box.value.trim();
    if (!text) return;
    const quote = this.#quote;
    // Written down by the outbox before the box is emptied: at no moment is the text nowhere.
    this.onSend({ text, quote });
    this.#box.value = "";
    this.#quote = null;
    this.#changed();
    this.focus();
  }

  #changed() {
    this.#keep();
    this.refresh();
    this.#suggest();
  }

  #keep() {
    if (this.#person === null) return;
    drafts.set(this.#person, this.#group, { text: this.#box.value, quote: this.#quote });
    this.onDraft();
  }

  #insert(text) {
    this.focus();
    // Deprecated, but the only way that keeps the browser's own undo.
    if (!document.execCommand("insertText", false, text)) {
      const { selectionStart, selectionEnd } = this.#box;
      this.#box.setRangeText(text, selectionStart, selectionEnd, "end");
      this.#changed();
    }
  }

  #grow() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${Math.min(this.#box.scrollHeight + 2, TALLEST)}px`;
  }

  #key(event) {
    // Enter that ends the choice of a Chinese word belongs to the input method (229: Safari ends before keydown).
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#found && this.#completionKey(event)) return event.preventDefault();
    if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "Escape" && this.#quote !== null) {
      this.quote(null);
    }
    return undefined;
  }

  #completionKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#activate(this.#active + step);
    else if (event.key === "Escape") this.#close();
    else if (event.key === "Tab" && !event.shiftKey) this.#pick(this.#active);
    else if (event.key === "Enter" && !event.shiftKey && !this.#found.items[this.#active].exact)
      this.#pick(this.#active);
    else return false;
    return true;
  }

  #suggest() {
    const { selectionStart, selectionEnd, value } = this.#box;
    const caret = document.activeElement === this.#box && selectionStart === selectionEnd ? selectionStart : null;
    const alone = this.#group?.startsWith("@") ?? false;
    const state = {
      before: value.slice(0, caret ?? 0),
      after: value.slice(caret ?? 0),
      commands: this.commands,
      alone,
    };
    this.#found = caret === null ? null : complete(state);
    if (!this.#found) return this.#close();
    this.#list.replaceChildren(
      ...this.#found.items.map((item, index) =>
        el(
          "li",
          { role: "option", id: `option-${index}`, data: { index } },
          el("span.option-label", {}, item.label),
          el("span.option-hint", {}, item.hint ?? ""),
          el("span.option-detail", {}, item.detail ?? ""),
        ),
      ),
    );
    this.#list.hidden = false;
    this.#list.scrollTop = 0;
    const exact = this.#found.items.findIndex((item) => item.exact);
    return this.#activate(Math.max(exact, 0));
  }

  #activate(index) {
    const options = [...this.#list.children];
    this.#active = (index + options.length) % options.length;
    for (const [place, option] of options.entries())
      option.setAttribute("aria-selected", String(place === this.#active));
    options[this.#active].scrollIntoView({ block: "nearest" });
    this.#box.setAttribute("aria-activedescendant", options[this.#active].id);
  }

  #pick(index) {
    const item = this.#found?.items[Number(index)];
    if (!item) return;
    const { selectionStart } = this.#box;
    this.#box.setSelectionRange(this.#found.from, selectionStart);
    this.#insert(item.insert);
    // The name was put before an order that stands already: go on typing behind it.
    this.#box.setSelectionRange(this.#box.value.length, this.#box.value.length);
    this.#close();
  }

  #close() {
    this.#found = null;
    this.#list.hidden = true;
    this.#box.removeAttribute("aria-activedescendant");
  }
}

/** The quote bar's line for a message. */
export function quoteLine(message, nameOf) {
  return message ? { who: nameOf(message.from), line: firstLine(message.text) } : null;
}
