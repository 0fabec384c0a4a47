/* The switch for who is speaking: a dialog with search, for keyboard and touch. */

import { avatar, byId, el } from "./dom.js";
import { byStanding, departmentOf, standing, ROLES } from "./roles.js";

export class PeopleDialog {
  #dialog = byId("people");
  #search = byId("people-search");
  #list = byId("people-list");
  #people = [];
  #current = null;
  #active = 0;

  /** `onChoose(person)` is told who speaks from now on. */
  constructor({ onChoose }) {
    this.onChoose = onChoose;
    this.#search.addEventListener("input", () => this.#show());
    this.#search.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("click", (event) => this.#choose(event.target.closest(".person")));
    byId("people-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => {
      // A tap beside the dialog lands on its backdrop, which is the dialog itself.
      if (event.target === this.#dialog) this.#dialog.close();
    });
  }

  open(people, current) {
    this.#people = people;
    this.#current = current;
    this.#search.value = "";
    this.#dialog.showModal();
    this.#show();
    // On a phone the keyboard would hide half of the list before anything was asked for.
    if (matchMedia("(hover: hover)").matches) this.#search.focus();
    else this.#list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "center" });
  }

  #show() {
    const words = this.#search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const matches = this.#people.filter((person) => words.every((word) => describe(person).includes(word)));
    const options = [];
    for (const [heading, people] of byStanding(matches)) {
      options.push(el("p.people-heading", { role: "presentation" }, heading));
      for (const person of people) options.push(this.#option(person));
    }
    this.#list.replaceChildren(...(options.length ? options : [el("p.empty", {}, "没有找到这个人")]));
    const current = this.#options().findIndex((option) => option.dataset.person === this.#current);
    this.#activate(words.length ? 0 : Math.max(current, 0));
  }

  #option(person) {
    const selected = person.id === this.#current;
    return el(
      "div.person",
      { role: "option", id: `person-${person.id}`, "aria-selected": String(selected), data: { person: person.id } },
      avatar(person.id, person.name),
      el("span.person-text", {}, el("span.person-name", {}, person.name), el("span.person-role", {}, standing(person))),
      selected ? el("span.person-now", {}, "正在发言") : null,
    );
  }

  #options() {
    return [...this.#list.querySelectorAll(".person")];
  }

  #activate(index) {
    const options = this.#options();
    this.#active = options.length ? (index + options.length) % options.length : 0;
    for (const [place, option] of options.entries()) option.classList.toggle("active", place === this.#active);
    const active = options[this.#active];
    active?.scrollIntoView({ block: "nearest" });
    if (active) this.#search.setAttribute("aria-activedescendant", active.id);
    else this.#search.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#activate(this.#active + step);
    else if (event.key === "Enter") this.#choose(this.#options()[this.#active]);
    else return;
    event.preventDefault();
  }

  #choose(option) {
    if (!option) return;
    this.#dialog.close();
    this.onChoose(this.#people.find((person) => person.id === option.dataset.person));
  }
}

function describe(person) {
  return [person.name, person.id, departmentOf(person) ?? "", ...person.roles.map((role) => ROLES[role] ?? role)]
    .join(" ")
    .toLowerCase();
}
