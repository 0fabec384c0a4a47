/* Messages coming in, by three ways that may overlap: the stream, a fetch of what was missed, an answer to a POST. */

import * as api from "./api.js";
import { byId } from "./dom.js";
import { chats, groupName, here, nameOf, offers, office, revealed, visibleGroups } from "./session.js";
import { firstLine } from "./text.js";

/** The stream usually brings a reply's stored copy within moments; after this it is fetched. */
const PATIENCE = 250;

export class Arrivals {
  /** `onChange()`: something new is to be shown. */
  constructor({ outbox, onChange }) {
    Object.assign(this, { outbox, onChange });
  }

  async fetchAll() {
    await Promise.all(visibleGroups().map((group) => this.fetchGroup(group)));
  }

  /** Get what is missing of one group; the newest known message is asked for again, to recognise another store. */
  async fetchGroup(group) {
    const known = chats.newest(group);
    const fetched = await api.messages(group, known ? known.id - 1 : null);
    if (known && !same(fetched[0], known)) {
      location.reload();
      return;
    }
    const fresh = fetched.filter((message) => chats.receive(group, message));
    if (known) announce(group, fresh);
    if (known && fresh.some(({ from }) => from === "bot")) offers.stale();
    this.#adopt(group);
    // Only so many are given at once, counted from where we stand: go on until nothing is new.
    if (known && fresh.length) await this.fetchGroup(group);
  }

  streamed(message) {
    const { group } = message;
    if (!chats.receive(group, message)) return;
    if (message.from === "bot") offers.stale();
    this.#adopt(group);
    if (visibleGroups().includes(group)) announce(group, [message]);
    this.onChange();
  }

  /** The office has answered `entry`: the replies are stored messages as well and are shown as such. */
  answered(entry, { replies }) {
    for (const reply of replies) {
      if (!reply.private) continue;
      revealed.set(Number(reply.id), reply.text);
      office.version += 1;
    }
    this.#adopt(entry.group);
    setTimeout(() => this.#complete(entry, replies), PATIENCE);
  }

  async #complete(entry, replies) {
    const place = (reply) => (reply.private ? `@${entry.person}` : entry.group);
    if (entry.storedId !== null && replies.every((reply) => chats.get(place(reply), reply.id))) return;
    try {
      await Promise.all([...new Set([entry.group, ...replies.map(place)])].map((group) => this.fetchGroup(group)));
    } catch (error) {
      // No line: they come when it stands again.
      if (!(error instanceof api.ApiError)) throw error;
    }
    this.onChange();
  }

  #adopt(group) {
    this.outbox.adopt(group, chats.list(group));
  }
}

function same(fetched, known) {
  return Boolean(fetched) && Number(fetched.id) === known.id && new Date(fetched.at).getTime() === known.at.getTime();
}

/** For a screen reader; the list itself stays silent, or opening a chat would read all of it out. */
function announce(group, fresh) {
  const heard = fresh.filter((message) => message.from !== here.person?.id).slice(-3);
  if (!heard.length || document.hidden) return;
  const where = group === here.group ? "" : `${groupName(group)}，`;
  byId("announcer").textContent = heard
    .map(({ from, text }) => `${where}${nameOf(from)}：${firstLine(text)}`)
    .join("\n");
}
