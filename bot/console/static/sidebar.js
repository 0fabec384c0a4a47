/* The left column: who is speaking, the groups and the private chat, and whether the line stands. */

import { avatar, byId, el, part, reconcile } from "./dom.js";
import { standing } from "./roles.js";
import { firstLine } from "./text.js";
import { fullTime, shortTime } from "./time.js";

const SHOWN_MOST = 99;

/** `rows`: [{id, name, last, sender, unread: {count, mentioned}, draft, open}]; `now` by the office's clock. */
export function showChats(rows, now) {
  const item = (row) => ({ key: row.id, signature: signature(row, now), build: () => chatItem(row, now) });
  reconcile(byId("groups"), rows.filter((row) => !row.id.startsWith("@")).map(item));
  reconcile(byId("private"), rows.filter((row) => row.id.startsWith("@")).map(item));
}

function signature(row, now) {
  const { last, unread } = row;
  return JSON.stringify([row.name, last?.id, last && shortTime(last.at, now), row.sender, unread, row.draft, row.open]);
}

function chatItem(row, now) {
  const { count, mentioned } = row.unread;
  const label = atMost(count);
  return el(
    "li",
    {},
    el(
      "button.chat-item",
      { type: "button", data: { group: row.id }, "aria-current": row.open ? "true" : null },
      avatar(row.id, row.name, row.id.startsWith("@") ? "robot" : "group"),
      el(
        "span.chat-item-text",
        {},
        el(
          "span.chat-item-top",
          {},
          el("span.chat-item-name", {}, row.name),
          row.last ? el("time", {}, shortTime(row.last.at, now)) : null,
        ),
        el(
          "span.chat-item-bottom",
          {},
          el("span.preview", {}, ...preview(row, mentioned)),
          count
            ? el("span.badge", { class: mentioned ? "loud" : "", role: "img", "aria-label": `${label} 条未读` }, label)
            : null,
        ),
      ),
    ),
  );
}

function preview({ last, sender, draft }, mentioned) {
  if (mentioned) return [el("span.preview-at", {}, "[有人@我] "), line(last, sender)];
  if (draft) return [el("span.preview-draft", {}, "[草稿] "), firstLine(draft)];
  return [last ? line(last, sender) : "还没有消息"];
}

const line = (last, sender) => `${sender ? `${sender}：` : ""}${firstLine(last.text.replace(/\s+/g, " "))}`;

const atMost = (count) => (count > SHOWN_MOST ? `${SHOWN_MOST}+` : String(count));

export function showSpeaker(person) {
  const button = byId("speaker");
  const face = avatar(person.id, person.name);
  face.dataset.part = "avatar";
  part(button, "avatar").replaceWith(face);
  part(button, "name").textContent = person.name;
  part(button, "role").textContent = standing(person);
  button.setAttribute("aria-label", `正在以 ${person.name}（${standing(person)}）发言，换人`);
  part(byId("speaker-inline"), "name").textContent = person.name;
}

/** `stream`: its state and next try; `newestId`: the last message that arrived. */
export function showConnection(stream, newestId) {
  const seconds = stream.retryAt ? Math.ceil((stream.retryAt - Date.now()) / 1000) : 0;
  const trouble = `连接断开，${seconds > 0 ? `${seconds} 秒后重连` : "正在重连…"}`;
  const status = byId("status");
  status.dataset.state = stream.state;
  const texts = {
    open: `已连接 · 最新消息号 ${newestId}`,
    connecting: stream.broken ? trouble : "正在连接…",
    waiting: trouble,
  };
  setText(part(status, "text"), texts[stream.state]);
  byId("trouble").hidden = !stream.broken;
  if (stream.broken) setText(part(byId("trouble"), "text"), `${trouble}。写下的消息会保留，连上后自动发送。`);
}

/** Unread in the title of the window and beside "back". */
export function showTotals(rows) {
  const sum = (some) => some.reduce((total, row) => total + row.unread.count, 0);
  const all = sum(rows);
  const elsewhere = sum(rows.filter((row) => !row.open));
  const open = rows.find((row) => row.open);
  document.title = `${all ? `(${all}) ` : ""}${open ? `${open.name} · ` : ""}接诉即办`;
  byId("back-unread").hidden = elsewhere === 0;
  setText(byId("back-unread"), atMost(elsewhere));
}

/** 演练 · 时间 2026-06-01 08:32 · 数据不出本机 */
export function showRehearsal(clock) {
  const banner = byId("rehearsal");
  banner.hidden = !clock.rehearsal;
  if (!clock.rehearsal) return;
  const pace = clock.speed === 0 ? "（时钟停着）" : clock.speed === 1 ? "" : `（${clock.speed} 倍速）`;
  setText(part(banner, "text"), `演练 · 时间 ${fullTime(clock.now())}${pace} · ${clock.robots ? "⚠ 配有机器人，消息会真的发出" : "数据不出本机"}`);
  part(banner, "clock").hidden = clock.speed !== 0;
}

function setText(node, text) {
  // Writing the same text again would make a screen reader say it again.
  if (node.textContent !== text) node.textContent = text;
}
