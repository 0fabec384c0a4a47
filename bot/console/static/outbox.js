/*
 * Nothing typed is lost and nothing is done twice: a message is written down with its own message_id before it is
 * sent, and is sent again under the same message_id until the office has answered.
 *
 * States: waiting (its turn has not come) · sending · failed (no answer; tried again by itself) · held (left over
 * from an earlier visit; waits for a tap) · refused (the office will not take it) · sent (answered; kept in memory
 * until its stored copy is seen).
 */

import { unsent } from "./memory.js";

const DELAYS = [1, 2, 4, 8, 15];
/** A command left over from longer ago than this must not run by surprise. */
const STALE = 10 * 60 * 1000;

export class Outbox {
  #entries = [];
  #timers = new Map();

  /** `send(message, onProgress)` posts; `onAnswer(entry, answer)` and `onChange()` report. */
  constructor({ send, onAnswer, onChange }) {
    Object.assign(this, { send, onAnswer, onChange });
    for (const entry of unsent.all()) {
      const state = entry.error ? "refused" : Date.now() - entry.typed_at > STALE ? "held" : "waiting";
      this.#entries.push({ ...entry, state, failures: 0, storedId: null, privately: false });
    }
  }

  start() {
    for (const entry of this.#entries) this.#work(entry);
  }

  /** `after`: the newest id of the group when it was typed; its stored copy has a greater one. */
  add({ person, group, text, quote, after, files = [] }) {
    const entry = { message_id: newId(), person, group, text, quote, after, typed_at: Date.now() };
    // Files cannot be written down: such a message lives as long as the page.
    if (!files.length) unsent.set(entry);
    this.#entries.push({ ...entry, files, share: 0, state: "waiting", failures: 0, storedId: null, privately: false });
    this.#work(entry);
    this.onChange();
  }

  /** Messages of this person in this group that are not yet among the stored ones, oldest first. */
  ghosts(person, group) {
    return this.#lane({ person, group }).filter((entry) => entry.storedId === null);
  }

  /** What is known only here of a stored message: its quote, and that the answer came in private. */
  extras(person, group, storedId) {
    return this.#lane({ person, group }).find((entry) => entry.storedId === storedId) ?? null;
  }

  /**
   * Tie the messages typed here to their stored copies, so that each shows once. The stored text may have been
   * scrubbed of personal data, so without a message_id an answered message takes the next of the person's own.
   */
  adopt(group, stored) {
    const people = new Set(this.#entries.filter((entry) => entry.group === group).map((entry) => entry.person));
    for (const person of people)
      this.#adoptLane(
        this.#lane({ person, group }),
        stored.filter(({ from }) => from === person),
      );
  }

  #adoptLane(lane, stored) {
    const taken = new Set(lane.map((entry) => entry.storedId));
    const free = stored.filter((message) => !taken.has(message.id));
    const tie = (entry, test) => {
      const index = free.findIndex((message) => message.id > entry.after && test(message));
      if (index >= 0) entry.storedId = free.splice(index, 1)[0].id;
    };
    const open = () => lane.filter((entry) => entry.storedId === null && entry.state !== "refused");
    for (const entry of open()) tie(entry, (message) => message.message_id === entry.message_id);
    for (const entry of open()) tie(entry, (message) => !message.message_id && message.text.trim() === entry.text);
    for (const entry of open()) if (entry.state === "sent") tie(entry, (message) => !message.message_id);
  }

  retry(messageId) {
    const entry = this.#find(messageId);
    if (!entry || entry.state === "sending" || entry.state === "sent") return;
    entry.state = "waiting";
    this.#work(entry);
    this.onChange();
  }

  /** The line is back: what waits for its next try goes now. */
  retryAll() {
    for (const entry of this.#entries) if (entry.state === "failed") this.retry(entry.message_id);
  }

  /** Give one up; returns it, so that its text can go back into the box. */
  drop(messageId) {
    const entry = this.#find(messageId);
    this.#entries = this.#entries.filter((other) => other !== entry);
    unsent.remove(messageId);
    if (entry) for (const other of this.#lane(entry)) this.#work(other);
    this.onChange();
    return entry;
  }

  /** One at a time in each lane, in the order typed: a 派单 must not overtake its 签收. */
  async #work({ person, group }) {
    const lane = this.#lane({ person, group });
    const entry = lane.find(({ state }) => state === "waiting" || state === "failed" || state === "sending");
    if (entry?.state !== "waiting") return;
    clearTimeout(this.#timers.get(entry.message_id));
    entry.state = "sending";
    this.onChange();
    const { text, quote, message_id } = entry;
    let answer = null;
    try {
      const message = { person, group, text, ...(quote === null ? {} : { quote }), message_id };
      const files = entry.files?.length ? { files: entry.files } : {};
      answer = await this.send({ ...message, ...files }, (share) => this.#progress(entry, share));
    } catch (error) {
      this.#failed(entry, error);
    }
    if (answer) {
      entry.state = "sent";
      entry.error = null;
      entry.sentFiles = entry.files?.map(({ name }) => name) ?? [];
      entry.files = [];
      entry.privately = answer.replies.some((reply) => reply.private);
      unsent.remove(message_id);
      this.onAnswer(entry, answer);
    }
    this.onChange();
    this.#work({ person, group });
  }

  #failed(entry, error) {
    if (!this.#entries.includes(entry)) return;
    entry.error = error.message;
    if (error.final) {
      entry.state = "refused";
      const { message_id, person, group, text, quote, after, typed_at } = entry;
      if (!entry.files?.length) unsent.set({ message_id, person, group, text, quote, after, typed_at, error: error.message });
      return;
    }
    entry.state = "failed";
    const seconds = DELAYS[Math.min(entry.failures, DELAYS.length - 1)];
    entry.failures += 1;
    this.#timers.set(
      entry.message_id,
      setTimeout(() => this.retry(entry.message_id), seconds * 1000),
    );
  }

  /** Steps of ten: each one builds the message anew. */
  #progress(entry, share) {
    const step = Math.floor(share * 10) / 10;
    if (step === entry.share) return;
    entry.share = step;
    this.onChange();
  }

  #lane({ person, group }) {
    return this.#entries.filter((entry) => entry.person === person && entry.group === group);
  }

  #find(messageId) {
    return this.#entries.find((entry) => entry.message_id === messageId);
  }
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Without TLS the browser gives no randomUUID except on loopback.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
