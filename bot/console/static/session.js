/* What this page knows: the office, who speaks, which chat is open, what was said, how far it was read. */

import { Chats } from "./chats.js";
import { reads } from "./memory.js";
import { Offers } from "./offers.js";
import { TextReader } from "./text.js";
import { OfficeClock } from "./time.js";

export const BOT = "接诉即办";
export const PRIVATE = "我与机器人的私聊";

export const chats = new Chats();
export const clock = new OfficeClock();

/** What may be offered to who speaks now, while they type. */
export const offers = new Offers();

/** `version` changes when messages that are shown must be built anew. */
export const office = { people: new Map(), groups: [], commands: [], reader: new TextReader([], []), version: 0 };

/** `unreadAfter`: where the line 以下为新消息 stands in the open chat; null for none. */
export const here = { person: null, group: null, unreadAfter: null, loaded: false };

/** Texts given only to who asked (/揭示), by message id: this page's memory is the only place they are ever kept. */
export const revealed = new Map();

/** The speaker's own chat with the bot. */
export const mine = () => `@${here.person.id}`;

export function visibleGroups() {
  return here.person ? [...office.groups.map(({ id }) => id), mine()] : [];
}

export function nameOf(id) {
  return id === "bot" ? BOT : (office.people.get(id)?.name ?? id);
}

export function groupName(id) {
  return id.startsWith("@") ? PRIVATE : (office.groups.find((group) => group.id === id)?.name ?? id);
}

export function unread(group) {
  return chats.unread(group, here.person.id, reads.get(here.person.id, group));
}

/** The id after which this group is new to the speaker; null when nothing is. */
export function unreadMark(group) {
  return unread(group).count ? reads.get(here.person.id, group) : null;
}

export function markRead(group) {
  const newest = chats.newest(group);
  if (newest && newest.id > reads.get(here.person.id, group)) reads.set(here.person.id, group, newest.id);
}

/** A store that was made anew has smaller ids; a mark beyond its end would hide everything that is new. */
export function mendMark(group) {
  const newest = chats.newest(group)?.id ?? 0;
  if (reads.get(here.person.id, group) > newest) reads.set(here.person.id, group, 0);
}
