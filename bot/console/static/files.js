/* Files on their way into a message: chosen by a button, pasted, or dropped on the chat; shown above the box. */

import { byId, el, icon } from "./dom.js";
import { stagedNames } from "./memory.js";

const MB = 1024 * 1024;
/** What the service takes whatever the office decides (docs/console.md): of an export in private, and how many. */
const MOST = { imported: 199_999_999, count: 20 };
const TABLE = /\.(xlsx?|csv|et)$/i;

export class Staged {
  #bar = byId("files");
  #list = byId("files-list");
  #hint = byId("files-hint");
  #input = byId("files-input");
  #files = [];
  #lane = null;
  #place = null;
  /** Files of the chats that are not open, by person and group: another chat must not get them by mistake. */
  #lanes = new Map();

  /** `onChange()`: something was added or taken away. `onTrouble(text)` says why something was not. */
  constructor({ onChange, onTrouble }) {
    Object.assign(this, { onChange, onTrouble });
    byId("attach").addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      this.add([...this.#input.files]);
      this.#input.value = "";
    });
    this.#list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-file]");
      if (button) this.#remove(Number(button.dataset.file));
    });
    byId("box").addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      // Text copied out of a table comes with a picture of itself: then the text is what is meant.
      if (!files.length || event.clipboardData.types.includes("text/plain")) return;
      event.preventDefault();
      this.add(files.map(named));
    });
    this.#listenForDrops(byId("chat"));
  }

  get files() {
    return [...this.#files];
  }

  get any() {
    return this.#files.length > 0;
  }

  open(person, group) {
    if (this.#lane) this.#lanes.set(this.#lane, this.#files);
    this.#lane = `${person}/${group}`;
    this.#place = [person, group];
    this.#files = this.#lanes.get(this.#lane) ?? [];
    const lost = stagedNames.get(person, group);
    if (!this.any && lost.length) {
      this.onTrouble(`文件没有保留，请重新添加：${lost.join("、")}`);
      stagedNames.set(person, group, []);
    }
    this.#show();
  }

  add(files) {
    for (const file of files) {
      if (this.#files.length === MOST.count) {
        this.onTrouble(`一次最多 ${MOST.count} 个文件，请分几次发`);
        break;
      }
      if (file.size > MOST.imported) this.onTrouble(`${file.name} 太大，发不了：要小于 200 MB`);
      else this.#files.push(file);
    }
    this.#changed();
  }

  /** Give all of them away: they are sent now. */
  take() {
    const files = this.#files;
    this.#files = [];
    this.#changed();
    return files;
  }

  /**
   * Whether they may go, and say so: `named` when an order is quoted or written, `alone` in a private chat, `most` MB of
   * one file with an order.
   */
  settle({ named, alone, most }) {
    if (!this.any) return true;
    const tooLarge = named && this.#files.find((file) => file.size > most * MB);
    if (tooLarge) return this.#say(`“${tooLarge.name}”超过 ${most} MB，存不进工单：请压缩或分开`, false);
    if (named) return this.#say("发送后存为这件工单的附件", true);
    if (!alone) return this.#say("先点一条工单消息引用，或在前面写单号，例如：12 现场照片", false);
    if (this.#files.every(({ name }) => TABLE.test(name))) return this.#say("发送后作为工单导入", true);
    return this.#say("这里导入 .xls .xlsx .csv；要存为附件，先引用工单消息或写单号", false);
  }

  #say(text, good) {
    this.#hint.textContent = text;
    this.#hint.dataset.good = String(good);
    return good;
  }

  #remove(index) {
    this.#files.splice(index, 1);
    this.#changed();
  }

  #changed() {
    if (this.#place) stagedNames.set(...this.#place, this.#files.map(({ name }) => name));
    this.#show();
    this.onChange();
  }

  #show() {
    this.#bar.hidden = !this.any;
    for (const picture of this.#list.querySelectorAll("img")) URL.revokeObjectURL(picture.src);
    this.#list.replaceChildren(...this.#files.map(chip));
  }

  #listenForDrops(place) {
    let depth = 0;
    const mark = (on) => place.classList.toggle("dropping", on);
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    place.addEventListener("dragenter", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      depth += 1;
      mark(true);
    });
    place.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
    place.addEventListener("dragleave", (event) => {
      if (!carries(event)) return;
      depth = Math.max(0, depth - 1);
      if (!depth) mark(false);
    });
    place.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      depth = 0;
      mark(false);
      this.add([...event.dataTransfer.files]);
    });
    // A file that misses the chat must not replace the page.
    for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => carries(event) && event.preventDefault());
  }
}

export function sizeText(size) {
  if (size >= MB) return `${(size / MB).toFixed(1)} MB`;
  return size >= 1024 ? `${Math.round(size / 1024)} KB` : `${size} 字节`;
}

function chip(file, index) {
  const remove = { type: "button", data: { file: index }, "aria-label": `去掉 ${file.name}` };
  return el(
    "li.file",
    {},
    preview(file),
    el("span.file-text", {}, el("span.file-name", {}, file.name), el("span.file-size", {}, sizeText(file.size))),
    el("button.icon-button.small", remove, icon("close")),
  );
}

function preview(file) {
  if (!/^image\/(png|jpeg|gif|webp|bmp)$/.test(file.type)) return el("span.file-kind", { "aria-hidden": "true" }, icon("file"));
  return el("img.file-picture", { src: URL.createObjectURL(file), alt: "" });
}

/** What is pasted is called image.png by every browser: the time tells one from the other. */
function named(file) {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const now = new Date();
  const clock = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0")).join("");
  return new File([file], `截图${clock}.${file.name.split(".").pop()}`, { type: file.type });
}
