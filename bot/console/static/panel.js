/* The right column: every command with its arguments, to look at and to tap. And the short notes at the bottom. */

import { usageOf } from "./completion.js";
import { byId, el } from "./dom.js";

const SHORT = 2500;
const LONG = 6000;

/** `commands`: those that who speaks now may use. */
export function showCommands(commands) {
  byId("panel").hidden = commands.length === 0;
  byId("commands").replaceChildren(...commands.map((command) => el("li", {}, commandItem(command, usageOf(command)))));
}

function commandItem(command, usage) {
  return el(
    "button.command-item",
    { type: "button", title: usage || null, data: { command: `/${command.name}${usage ? " " : ""}` } },
    el("span.command-top", {}, el("span.command-name", {}, `/${command.name}`), el("span.command-usage", {}, usage)),
    el("span.command-summary", {}, command.private ? `${command.summary}（只在私聊里）` : command.summary),
  );
}

let timer = null;

/** Say something for a moment; `action` {label, run} adds a button. */
export function toast(text, action = null) {
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
  clearTimeout(timer);
  timer = setTimeout(() => (node.hidden = true), action ? LONG : SHORT);
}
