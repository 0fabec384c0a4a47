/* One line of server-sent events that comes back by itself. What was missed meanwhile is the caller's to fetch. */

const DELAYS = [1, 2, 4, 8, 15];
/** A line that stood this long (ms) was a good one: the next failure begins to count anew. */
const GOOD = 10_000;

export class Stream {
  state = "connecting";
  /** Stood once, or failed, and does not stand now. */
  broken = false;
  /** When it is tried next (ms of our clock), while waiting. */
  retryAt = null;
  #source = null;
  #timer = null;
  #openedAt = null;
  #failures = 0;

  /** `after()` gives the id to continue after; `onMessage(message)`, `onOpen()` and `onState()` report. */
  constructor({ after, onMessage, onOpen, onState }) {
    Object.assign(this, { after, onMessage, onOpen, onState });
  }

  connect() {
    this.#close();
    this.#setState("connecting");
    // The browser's own retry gives up on an HTTP error and never tells when it tries next, so it is done here.
    this.#source = new EventSource(`/console/stream?after=${this.after()}`);
    this.#source.onopen = () => {
      this.broken = false;
      this.#openedAt = Date.now();
      this.#setState("open");
      this.onOpen();
    };
    this.#source.onmessage = (event) => this.onMessage(JSON.parse(event.data));
    this.#source.onerror = () => this.lost();
  }

  /** Something suggests that the line may be back (a tap, the network, the page shown again): do not wait. */
  nudge() {
    if (this.#source?.readyState !== EventSource.OPEN) this.connect();
  }

  /** The line failed, or the server behind it did: try again after a while that grows. */
  lost() {
    this.#close();
    this.broken = true;
    if (this.#openedAt && Date.now() - this.#openedAt > GOOD) this.#failures = 0;
    this.#openedAt = null;
    const seconds = DELAYS[Math.min(this.#failures, DELAYS.length - 1)] * (0.8 + Math.random() * 0.4);
    this.#failures += 1;
    this.retryAt = Date.now() + seconds * 1000;
    this.#timer = setTimeout(() => this.connect(), seconds * 1000);
    this.#setState("waiting");
  }

  #close() {
    clearTimeout(this.#timer);
    this.retryAt = null;
    this.#source?.close();
    this.#source = null;
  }

  #setState(state) {
    this.state = state;
    this.onState();
  }
}
