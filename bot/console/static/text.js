/* The text of a message as nodes: what a seat acts on (orders, commands, people) stands out and can be tapped. */

import { el } from "./dom.js";
import { keptWords } from "./grammar.js";

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const longestFirst = (words) =>
  [...new Set(words)]
    .filter(Boolean)
    .sort((a, b) => b.length - a.length)
    .map(escape);

/** Reads texts for one set of people and commands; made anew when either changes. */
export class TextReader {
  #pattern;
  #idByName;
  #offers;

  /** `people`: [{id, name}]; `commands`: [{name, aliases}]; `offers`: what the reader may use, with its arguments. */
  constructor(people, commands, offers = null) {
    this.#offers = offers;
    this.#idByName = new Map(people.map((person) => [person.name, person.id]));
    const names = longestFirst([...this.#idByName.keys(), "所有人", "接诉即办"]).join("|");
    const words = longestFirst(commands.map((command) => command.name)).join("|");
    // Behind the orders only values are kept ("解决", "代 城管科"): names ("科室", "说明") are for the person to fill in.
    const command = words
      ? `(?<![\\w/])/(?<command>(?:${words})(?: ?#?\\d{1,6}(?:-\\d{1,6})?(?![\\d:月日/.-]))*)`
      : "(?<command>(?!))";
    this.#pattern = new RegExp(
      `【#(?<order>\\d+)】|^#(?<listed>\\d+)(?= )|@(?<name>${names})|${command}|(?<mark>^[✔✘])|(?<page>(?<=^打开：)/orders/[市区]/\\S+)|(?<link>https?://[^\\s，。；、）》」"<>]+)`,
      "gmu",
    );
  }

  /** Nodes for `text` as `reader` (a person's id) sees it. Only the bot's commands are offered for tapping. */
  nodes(text, { reader, commands }) {
    const found = [];
    let end = 0;
    for (const match of text.matchAll(this.#pattern)) {
      if (match.index < end) continue;
      const whole = commands && match.groups.command ? this.#withWords(match, text) : match[0];
      const target = commands && match.groups.command ? this.#withOrder(whole, text, match.index) : whole;
      const node = this.#node(match, whole, { reader, commands, target });
      if (!node) continue;
      found.push(text.slice(end, match.index), node);
      end = match.index + whole.length;
    }
    found.push(text.slice(end));
    return found.filter((piece) => piece !== "");
  }

  /** Whether the text itself names this person. */
  names(text, person) {
    return text.includes(`@${person.name}`);
  }

  #withWords({ 0: whole, index, groups }, text) {
    const [name] = /^[^\s\d#]+/.exec(groups.command);
    const command = this.#offers?.byName.get(name.toLowerCase());
    const tail = text.slice(index + whole.length).split("\n", 1)[0];
    if (!command || !/^[ \u3000]/.test(tail)) return whole;
    const example = lineBefore(text, index).startsWith("例：");
    const kept = keptWords(command, groups.command.length > name.length, tail, this.#offers, example);
    return kept ? text.slice(index, index + whole.length + tail.indexOf(kept) + kept.length) : whole;
  }

  /** In a refusal of one order (`✘ 【#5】…现在可以：/派单`) what is allowed instead is meant for that order, and the usage
   * below it. */
  #withOrder(whole, text, index) {
    const line = lineBefore(text, index);
    const answers = text.slice(0, index).match(/^[✘✔].*/gm) ?? [];
    const order = /^✘ 【#(\d+)】/.exec(line.startsWith("用法：") ? (answers.at(-1) ?? "") : line)?.[1];
    const takes = this.#offers?.byName.get(whole.slice(1).toLowerCase())?.orders ?? "none";
    return order && takes !== "none" ? `${whole} ${order}` : whole;
  }

  #node({ groups: { order, listed, name, command, mark, page, link } }, whole, { reader, commands, target }) {
    const number = order ?? listed;
    if (number) {
      return el("button.order", { type: "button", data: { order: number }, title: `用 ${number} 写一条命令` }, whole);
    }
    if (name) {
      const me = this.#idByName.get(name) === reader || name === "所有人";
      return el("mark.mention", { class: me ? "me" : "" }, whole);
    }
    if (command) {
      return commands
        ? el("button.command", { type: "button", data: { command: target }, title: "放进输入框" }, whole)
        : null;
    }
    if (mark) return el(mark === "✔" ? "span.good" : "span.bad", {}, whole);
    if (page) {
      const href = `${page}?${new URLSearchParams({ person: reader })}`;
      return el("a", { href, target: "_blank", rel: "noopener" }, "工单页面和附件");
    }
    return link ? el("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, whole) : null;
  }
}

/** What stands before a place on its line. */
function lineBefore(text, index) {
  return text.slice(text.lastIndexOf("\n", index - 1) + 1, index);
}

/** The first line, cut: for previews and quotes. */
export function firstLine(text, length = 60) {
  const line = text.trim().split("\n", 1)[0];
  const letters = [...line];
  return letters.length > length ? `${letters.slice(0, length).join("")}…` : line;
}
