/* What can be offered while typing, for who speaks now: fetched when they begin, and again when something happened. */

import * as api from "./api.js";

const PAUSE = 700;

export class Offers {
  /** Every command as /console/commands gives it: aliases and usage are taken from there. */
  all = [];

  /** Told when what is offered has changed by itself. */
  onNews = () => {};

  #person = null;
  #stale = false;
  #timer = null;
  #departments = new Map();
  #people = new Set();
  #communities = new Set();
  #patches = new Set();

  orders = [];
  departments = [];
  people = [];
  communities = [];
  patches = [];
  commands = [];
  byName = new Map();
  /** Until it is known no file is too large: the service refuses what is. */
  attachment_mb = Infinity;

  /** Learn what `person` (an id) may be offered; `false` when somebody else speaks by now. */
  async load(person) {
    this.#person = person;
    const given = await api.complete(person);
    if (person !== this.#person) return false;
    Object.assign(this, given);
    const described = new Map(this.all.map((command) => [command.name, command]));
    this.commands = given.commands.map((command) => ({ ...described.get(command.name), ...command }));
    this.byName = new Map(
      this.commands.flatMap((command) => [command.name, ...command.aliases].map((name) => [name.toLowerCase(), command])),
    );
    const names = ({ id, name, aliases = [] }) => [id, name, ...aliases].filter(Boolean);
    this.#departments = new Map(given.departments.flatMap((each) => names(each).map((name) => [name, each])));
    this.#people = new Set(given.people.flatMap(names));
    this.#communities = new Set(given.communities.flatMap(names));
    this.#patches = new Set(given.patches.flatMap(names));
    return true;
  }

  /** Something happened: the orders stand elsewhere. The first news is asked about at once, a burst of it once more. */
  stale() {
    this.#stale = true;
    if (this.#timer === null) this.#again();
  }

  async #again() {
    this.#stale = false;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#stale) this.#again();
    }, PAUSE);
    try {
      if (await this.load(this.#person)) this.onNews();
    } catch (error) {
      // No line: typing goes on with what is known, the next message asks again.
      if (!(error instanceof api.ApiError)) throw error;
    }
  }

  order(word) {
    const number = Number(/^#?(\d+)$/.exec(word?.normalize("NFKC") ?? "")?.[1] ?? NaN);
    return this.orders.find(({ id }) => id === number) ?? null;
  }

  department(name) {
    return this.#departments.get(name) ?? null;
  }

  isDepartment(name) {
    return this.#departments.has(name);
  }

  isPerson(name) {
    return this.#people.has(name.replace(/^[@＠]/, ""));
  }

  isCommunity(name) {
    return this.#communities.has(name);
  }

  isPatch(name) {
    return this.#patches.has(name);
  }
}
