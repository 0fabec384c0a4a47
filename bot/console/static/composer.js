/* The box: typing, drafts, the quote above it, completion of what is being typed, sending. */

import { complete } from "./completion.js";
import { byId, el, part } from "./dom.js";
import { Staged } from "./files.js";
import { isWhole, readName } from "./grammar.js";
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
  #usage = byId("usage");
  #active = -1;

  /**
   * `onSend({text, quote, files})`; `describe(id)` → {who, line, order} of a quoted message or null; `onDraft()`; `offers`:
   * what may be completed.
   */
  constructor({ onSend, describe, onDraft, offers, onTrouble }) {
    Object.assign(this, { onSend, describe, onDraft, offers });
    this.staged = new Staged({ onChange: () => this.refresh(), onTrouble });
    offers.onNews = () => {
      this.refresh();
      this.#renew();
    };
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#box.addEventListener("input", () => this.#changed());
    this.#box.addEventListener("click", () => this.#suggest());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("compositionend", () => this.#changed());
    this.#box.addEventListener("focus", () => this.#tellUsage(this.#complete()));
    this.#box.addEventListener("blur", () => {
      this.#close();
      this.#tellUsage(null);
    });
    // Where the keyboard lies over the page instead of shrinking it, the list ends where the visible part does.
    visualViewport?.addEventListener("resize", () => this.#fit());
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
    this.staged.open(person, group);
    this.#close();
    this.#tellUsage(null);
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
    if (this.#found) this.#suggest();
  }

  /** Put a text into the box in place of what stands there (one step for undo). */
  replace(text, caret = text.length) {
    this.focus();
    this.#box.select();
    this.#insert(text);
    this.#box.setSelectionRange(caret, caret);
    // A command that is whole is to be sent: a list would only cover what it is about.
    if (caret === text.length && /^\S+\s.*\S$/s.test(text)) this.#close();
    else this.#suggest();
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
    const alone = this.#group?.startsWith("@") ?? false;
    const ready = this.staged.settle({ named: this.#namesOrder(), alone, most: this.offers.attachment_mb });
    byId("send").disabled = !ready || (this.#box.value.trim() === "" && !this.staged.any);
    this.#grow();
  }

  #send() {
    const text = this.#box.value.trim();
    if (byId("send").disabled) return;
    const quote = this.#quote;
    // Written down by the outbox before the box is emptied: at no moment is the text nowhere.
    this.onSend({ text, quote, files: this.staged.take() });
    this.#box.value = "";
    this.#quote = null;
    this.#changed();
    this.focus();
  }

  /** Whether files would find their order: by the quote, or by a number that stands first or behind a command. */
  #namesOrder() {
    return this.#quote !== null || /^\s*(?:[/／、\\]\S*?)?\s*(?:[#＃]?[\d０-９]|[\u4e00-\u9fff]{1,8}-\d{6}-)/.test(this.#box.value);
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
    if (event.isComposing || event.keyCode === 229) return undefined;
    // A key held down a moment too long must not choose and then send what was chosen.
    if (event.key === "Enter" && event.repeat && !event.shiftKey) return event.preventDefault();
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
    if (step) this.#step(step);
    else if (event.key === "Escape") this.#close();
    else if (event.key === "Tab" && !event.shiftKey) this.#pick(Math.max(this.#active, 0));
    else if (event.key === "Enter" && !event.shiftKey && this.#active >= 0 && !this.#found.items[this.#active].exact)
      this.#pick(this.#active);
    else return false;
    return true;
  }

  /** What completes the text at the caret; null without a caret, or where nothing is known. */
  #complete() {
    const { selectionStart, selectionEnd, value } = this.#box;
    if (document.activeElement !== this.#box || selectionStart !== selectionEnd) return null;
    return complete({
      before: value.slice(0, selectionStart),
      after: value.slice(selectionStart),
      offers: this.offers,
      alone: this.#group?.startsWith("@") ?? false,
      quoted: this.#quote === null ? null : { order: this.describe(this.#quote)?.order ?? null },
    });
  }

  /** Round and round; from none, down is the first and up the last. */
  #step(step) {
    const count = this.#found.items.length;
    this.#activate(this.#active < 0 ? (step > 0 ? 0 : count - 1) : (this.#active + step + count) % count);
  }

  #suggest() {
    const found = this.#complete();
    this.#tellUsage(found);
    if (!found || (!found.items.length && !found.note)) return this.#close();
    return this.#show(found, found.items.length ? found.select : -1);
  }

  /** What is new stands behind what is seen already, so that nothing moves under the finger. */
  #renew() {
    const found = this.#list.hidden ? null : this.#complete();
    if (!found) return;
    const seen = this.#found?.items.map(({ label }) => label) ?? [];
    const chosen = seen[this.#active];
    const place = ({ label }) => (seen.includes(label) ? seen.indexOf(label) : seen.length);
    found.items.sort((a, b) => place(a) - place(b));
    const select = seen.length ? found.items.findIndex(({ label }) => label === chosen) : found.select;
    this.#show(found, found.items.length ? select : -1);
  }

  #show(found, select) {
    this.#found = found.items.length ? found : null;
    this.#list.replaceChildren(
      ...found.items.map((item, index) =>
        el(
          "li",
          { role: "option", id: `option-${index}`, class: item.tone ?? "", data: { index } },
          el("span.option-label", {}, item.label),
          el("span.option-hint", {}, item.hint ?? ""),
          el("span.option-detail", {}, item.detail ?? ""),
        ),
      ),
      ...(found.note ? [el("li.option-note", { role: "presentation" }, found.note)] : []),
    );
    this.#list.hidden = false;
    this.#fit();
    this.#list.scrollTop = 0;
    this.#activate(select);
  }

  /** The usage of the command being typed, the argument at the caret marked. */
  #tellUsage(found) {
    const pieces = found?.usage ?? [];
    this.#usage.hidden = pieces.length < 2;
    const mark = ({ text, active }) => (active ? el("mark", {}, text) : text);
    this.#usage.replaceChildren(...pieces.flatMap((piece) => [mark(piece), " "]));
  }

  /** -1: none, so that Enter sends. */
  #activate(index) {
    const options = [...this.#list.querySelectorAll("[role=option]")];
    this.#active = index < 0 ? -1 : index % options.length;
    for (const [place, option] of options.entries())
      option.setAttribute("aria-selected", String(place === this.#active));
    const active = options[this.#active];
    active?.scrollIntoView({ block: "nearest" });
    if (active) this.#box.setAttribute("aria-activedescendant", active.id);
    else this.#box.removeAttribute("aria-activedescendant");
  }

  #pick(index) {
    const item = this.#found?.items[Number(index)];
    if (!item) return;
    const { selectionStart } = this.#box;
    this.#box.setSelectionRange(item.start, selectionStart);
    this.#insert(item.insert);
    // The name was put before an order that stands already: go on typing behind it.
    const { length } = this.#box.value;
    this.#box.setSelectionRange(length, length);
    if (/\d$/.test(this.#box.value) && !/\d$/.test(item.insert) && this.#goesOn()) this.#insert(" ");
    if (/\s$/.test(this.#box.value)) this.#suggest();
    else this.#close();
  }

  #goesOn() {
    const read = readName(this.#box.value, this.offers, true);
    return read !== null && !isWhole(read.command, read.rest, this.offers);
  }

  #fit() {
    const room = this.#form.getBoundingClientRect().top - (visualViewport?.offsetTop ?? 0) - 12;
    this.#list.style.setProperty("--room", `${Math.max(room, 96)}px`);
  }

  #close() {
    this.#found = null;
    this.#active = -1;
    this.#list.hidden = true;
    this.#box.removeAttribute("aria-activedescendant");
  }
}

/** The quote bar's line for a message. */
export function quoteLine(message, nameOf) {
  return message ? { who: nameOf(message.from), line: firstLine(message.text) } : null;
}
