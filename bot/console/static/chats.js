/* The messages this page knows, by group, in the order of their ids. */

import { dayKey } from "./time.js";

export class Chats {
  #chats = new Map();
  newestId = 0;

  /** Take one in; false when it was known already. */
  receive(group, message) {
    const chat = this.#chat(group);
    const id = Number(message.id);
    this.newestId = Math.max(this.newestId, id);
    if (chat.byId.has(id)) return false;
    const at = new Date(message.at);
    // The day is asked for at every refresh, and is dear to find out.
    const known = {
      ...message,
      id,
      mentions: message.mentions ?? [],
      kind: message.kind ?? "message",
      at,
      day: dayKey(at),
    };
    chat.byId.set(id, known);
    let place = chat.list.length;
    while (place > 0 && chat.list[place - 1].id > id) place -= 1;
    chat.list.splice(place, 0, known);
    return true;
  }

  list(group) {
    return this.#chat(group).list;
  }

  get(group, id) {
    return this.#chat(group).byId.get(Number(id)) ?? null;
  }

  newest(group) {
    return this.list(group).at(-1) ?? null;
  }

  has(group) {
    return this.#chats.has(group);
  }

  /** {count, mentioned}: what others said after `readId`, and whether `person` is named in it. */
  unread(group, person, readId) {
    const list = this.list(group);
    let count = 0;
    let mentioned = false;
    for (let index = list.length - 1; index >= 0 && list[index].id > readId; index -= 1) {
      if (list[index].from === person) continue;
      count += 1;
      mentioned ||= list[index].mentions.includes(person);
    }
    return { count, mentioned };
  }

  clear() {
    this.#chats.clear();
    this.newestId = 0;
  }

  #chat(group) {
    let chat = this.#chats.get(group);
    if (!chat) this.#chats.set(group, (chat = { list: [], byId: new Map() }));
    return chat;
  }
}
