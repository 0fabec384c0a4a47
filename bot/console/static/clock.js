/* The rehearsal's standing clock, moved by hand: forward only, through every reminder that falls due on the way. */

import * as api from "./api.js";
import { byId, part } from "./dom.js";
import { fieldTime, fullTime } from "./time.js";

const MINUTE = 60_000;

export class ClockControl {
  #form = part(byId("rehearsal"), "clock");
  #field = byId("clock-to");

  /** `clock`: the office's; `onMoved()`; `onTrouble(text)` says what happened. */
  constructor({ clock, onMoved, onTrouble }) {
    Object.assign(this, { clock, onMoved, onTrouble });
    this.#form.addEventListener("click", (event) => {
      const { minutes } = event.target.dataset;
      if (minutes) this.#move(fieldTime(new Date(clock.now().getTime() + minutes * MINUTE)));
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#move(this.#field.value);
    });
    this.#field.addEventListener("focus", () => {
      this.#field.min = fieldTime(clock.now());
      this.#field.value ||= this.#field.min;
    });
  }

  async #move(to) {
    this.#wait(true);
    try {
      this.clock.set(await api.moveClock(to));
      this.#field.value = "";
      this.onTrouble(`时钟已拨到 ${fullTime(this.clock.now())}`);
      this.onMoved();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      this.onTrouble(error.message);
    } finally {
      this.#wait(false);
    }
  }

  #wait(waiting) {
    for (const control of this.#form.elements) control.disabled = waiting;
  }
}
