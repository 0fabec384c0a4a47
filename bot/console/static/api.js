/* The console's HTTP surface. Every failure becomes an ApiError with a Chinese line that can be shown as it is. */

const WAIT = 20_000;

export class ApiError extends Error {
  /** `status` 0: no answer at all. `final`: sending the same again cannot help. */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
    this.final = status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
  }
}

async function request(path, body) {
  // Not AbortSignal.timeout: the browsers on office computers are often some years old.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), WAIT);
  const options = { cache: "no-store", credentials: "same-origin", signal: abort.signal };
  if (body !== undefined) {
    Object.assign(options, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }
  let response;
  let answer = null;
  try {
    response = await fetch(path, options);
    answer = await response.json();
  } catch {
    if (!response) throw new ApiError(abort.signal.aborted ? "服务没有及时回答" : "连不上服务");
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new ApiError(answer?.error ?? `服务出错（${response.status}），请稍后再试`, response.status);
  if (answer === null) throw new ApiError("没有收到完整的回答");
  return answer;
}

export const people = () => request("/console/people");
export const groups = () => request("/console/groups");
export const commands = () => request("/console/commands");

/** What may be offered to a person while typing; see docs/console.md. */
export const complete = (person) => request(`/console/complete?${new URLSearchParams({ person })}`);
export const clock = () => request("/console/clock");

/** `now`: "2026-06-01T08:32", Shanghai; only a standing rehearsal clock moves. Everything due by then is done first. */
export const moveClock = (now) => request("/console/clock", { now });

export function messages(group, after = null) {
  const query = new URLSearchParams({ group });
  if (after !== null) query.set("after", after);
  return request(`/console/messages?${query}`);
}

/** {person, group, text, quote?, message_id} → {message_id, replies}; the same message_id again changes nothing. */
export const send = (message) => request("/console/messages", message);

/**
 * The same with `files`, as docs/console.md has it. `onProgress(share)` from 0 to 1 while the bytes go up: fetch cannot
 * tell. There is no time limit: a large file over a slow line is no failure.
 */
export function sendFiles({ files, ...message }, onProgress) {
  const form = new FormData();
  for (const [name, value] of Object.entries(message)) form.append(name, value);
  for (const file of files) form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/console/files");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total ? loaded / total : 0));
    request.addEventListener("error", () => reject(new ApiError("连不上服务")));
    request.addEventListener("load", () => {
      const answer = request.response;
      if (request.status === 200 && answer) resolve(answer);
      else reject(new ApiError(answer?.error ?? `服务出错（${request.status}），请稍后再试`, request.status));
    });
    request.send(form);
  });
}
