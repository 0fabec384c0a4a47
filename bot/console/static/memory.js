/*
 * What this browser keeps between visits: who is speaking, read marks, drafts and unsent messages. Never a message
 * that was received: those may hold personal data, and the office's store is the only place for them.
 */

const PREFIX = "jiesu.console.";

/** The browser may refuse to keep anything (private window, full disk); then it is kept for this page only. */
const fallback = new Map();

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key)) ?? fallback.get(key) ?? null;
  } catch {
    return fallback.get(key) ?? null;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
    fallback.delete(key);
  } catch {
    fallback.set(key, value);
  }
}

function forget(key) {
  fallback.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing could be written, so there is nothing to remove.
  }
}

const lane = (person, group) => `${encodeURIComponent(person)}/${encodeURIComponent(group)}`;

export const speaker = {
  // Two tabs may speak as two people; a new tab starts as whoever spoke last.
  get() {
    try {
      return sessionStorage.getItem(`${PREFIX}person`) ?? read("person");
    } catch {
      return read("person");
    }
  },
  set(person) {
    write("person", person);
    try {
      sessionStorage.setItem(`${PREFIX}person`, person);
    } catch {
      // The person chosen last is remembered in any case.
    }
  },
};

/** The id up to which a person has read a group. */
export const reads = {
  get: (person, group) => read(`read.${lane(person, group)}`) ?? 0,
  set: (person, group, id) => write(`read.${lane(person, group)}`, id),
};

/** {text, quote}: what a person has typed in a group and not sent. */
export const drafts = {
  get: (person, group) => read(`draft.${lane(person, group)}`) ?? { text: "", quote: null },
  set(person, group, draft) {
    if (draft.text === "" && draft.quote === null) forget(`draft.${lane(person, group)}`);
    else write(`draft.${lane(person, group)}`, draft);
  },
};

/** Names of the files that stood above the box: a browser keeps no files over a reload, but can say which are gone. */
export const stagedNames = {
  get(person, group) {
    try {
      return JSON.parse(sessionStorage.getItem(`${PREFIX}files.${lane(person, group)}`)) ?? [];
    } catch {
      return [];
    }
  },
  set(person, group, names) {
    try {
      if (names.length) sessionStorage.setItem(`${PREFIX}files.${lane(person, group)}`, JSON.stringify(names));
      else sessionStorage.removeItem(`${PREFIX}files.${lane(person, group)}`);
    } catch {
      // Then nothing is said about them after a reload.
    }
  },
};

/** One key per message, so that two tabs never write over each other's. */
export const unsent = {
  all() {
    const found = [];
    try {
      for (let index = 0; index < localStorage.length; index += 1) {
        const key = localStorage.key(index);
        if (key?.startsWith(`${PREFIX}unsent.`)) found.push(read(key.slice(PREFIX.length)));
      }
    } catch {
      // Without storage there is nothing left over from an earlier visit.
    }
    return found.filter((entry) => entry?.message_id).sort((a, b) => a.typed_at - b.typed_at);
  },
  set: (entry) => write(`unsent.${entry.message_id}`, entry),
  remove: (messageId) => forget(`unsent.${messageId}`),
};
