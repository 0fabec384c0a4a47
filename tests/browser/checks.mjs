// What the page must do, each as [title, check(page, house, {touch})].

import assert from "node:assert/strict";
import { DAY } from "./rehearsal.mjs";

export const CHECKS = [
  ["an order arrives without reloading", arrives],
  ["a command is completed and sent", completed],
  ["a quote finds its order", quoted],
  ["the order's words and the next step are one tap", nextStep],
  ["a refusal's example leaves its words to the person", example],
  ["a step that moves under the finger is still taken", moved],
  ["typing goes on undisturbed", undisturbed],
  ["a command that is not for this person is not offered", byRole],
  ["fixed words and 代 科室 are offered in their place", fixedWords],
  ["a draft with its quote survives a reload", draft],
  ["the whole way by taps: signed, dispatched, handled, rated, closed", wholeWay],
  ["a step is offered to who does it in their own name, however old what the page knows", ownName],
  ["a picture with a quoted notice is kept with its order", attached],
  ["an export dropped in private is imported", imported],
  ["files that have no order are not sent", unsent],
  ["the standing clock is moved from the banner", clock],
];

async function arrives(page, house) {
  await open(page, house);
  await page.evaluate(() => (window.neverReloaded = true));
  const number = await house.order("桃花巷路灯不亮");
  await notice(page, number).waitFor();
  assert.equal(await page.evaluate(() => window.neverReloaded), true, "the page was loaded anew");
}

async function completed(page, house, { touch }) {
  const number = await house.order("科源小区路灯闪烁");
  await open(page, house);
  await box(page).click();
  await page.keyboard.type("/签");
  await choose(page, "/签收", touch);
  assert.equal(await typed(page), "/签收 ");
  await page.keyboard.type(String(number));
  await page.keyboard.press("Enter");
  await reply(page, `✔ 【#${number}】`).waitFor();

  await page.keyboard.type("/派");
  await choose(page, "/派单", touch);
  await option(page, `#${number}`).waitFor();
  await choose(page, `#${number}`, touch);
  assert.equal(await typed(page), `/派单 ${number} `);
  await page.keyboard.type("环");
  await choose(page, "市政环卫科", touch);
  assert.equal(await typed(page), `/派单 ${number} 市政环卫科 `);
  assert.match(await page.locator("#usage mark").innerText(), /说明/, "the usage does not show what comes next");
  await send(page, touch);
  await state(house, number, "待接单");
}

async function quoted(page, house, { touch }) {
  const number = await house.order("桃花巷井盖松动");
  await open(page, house);
  const bubble = notice(page, number);
  if (touch) await bubble.locator(".kind").tap();
  else await bubble.locator(".quote-button").click();
  await page.locator("#quote", { hasText: `【#${number}】` }).waitFor();
  await box(page).fill("/签收");
  await send(page, touch);
  await reply(page, `✔ 【#${number}】`).waitFor();
  await state(house, number, "待派单");
}

async function nextStep(page, house, { touch }) {
  const number = await house.order("桃花巷垃圾未清运");
  await open(page, house);
  await tap(notice(page, number).locator(".command", { hasText: `/签收 ${number}` }), touch);
  await wrote(page, `/签收 ${number}`);
  await send(page, touch);
  const step = reply(page, `✔ 【#${number}】`).locator(".command", { hasText: `/派单 ${number}` });
  await tap(step, touch);
  await wrote(page, `/派单 ${number} `); // and not the name of what is to be filled in
  await option(page, "城管科").waitFor();
  assert.ok(await above(page), "the list covers the box");
  await choose(page, "城管科", touch);
  assert.equal(await typed(page), `/派单 ${number} 城管科 `);
  await page.keyboard.type("+平安");
  await choose(page, "平安建设科", touch);
  await send(page, touch);
  await state(house, number, "待接单");
}

/** What stands in an example was done to another order: one tap and Enter must not record it. */
async function example(page, house, { touch }) {
  const number = await house.order("桃花巷路面铺装松动");
  await house.say("zhang", "dispatch", `/签收 ${number}`);
  await house.say("zhang", "dispatch", `/派单 ${number} 城管科`);
  await house.say("wang", "dispatch", `/接单 ${number}`);
  await open(page, house, "wang");
  const refused = async (text, words) => {
    await box(page).fill(text);
    await page.keyboard.press("Escape");
    await send(page, touch);
    await reply(page, words).waitFor();
    await page.locator(".row.ghost").waitFor({ state: "detached" });
    return reply(page, words);
  };
  const done = await refused(`/办结 ${number} 已处理`, "用法：/办结");
  assert.match(await done.locator(".text").innerText(), new RegExp(`例：/办结 ${number} 解决 已修复路灯`));
  await tap(done.locator(".command").nth(1), touch);
  await wrote(page, `/办结 ${number} 解决 `);
  await tap(done.locator(".command").nth(0), touch); // the usage line, too, is about the order that was refused
  await wrote(page, `/办结 ${number} `);
  await house.say("wang", "dispatch", `/反馈 ${number} 已接通 已告知今日处理`);
  await house.say("wang", "dispatch", `/办结 ${number} 解决 已铺平`);
  await open(page, house, "gao");
  await page.reload(); // the address is the same: nothing was loaded yet for whom speaks now
  await page.locator("#status[data-state=open]").waitFor({ state: "attached" });
  const rated = await refused(`/评定 ${number} 好`, "用法：/评定");
  await tap(rated.locator(".command").nth(1), touch);
  await wrote(page, `/评定 ${number} `); // fixed words alone would be a whole rating
}

/** The row is built anew, or pushed away, between the finger's coming down and its going up. */
async function moved(page, house) {
  await open(page, house);
  const command = await page.locator(".command", { hasText: "/签收" }).last().evaluate((button) => {
    const at = { bubbles: true, clientX: 100, clientY: 200 };
    const bubble = button.closest(".bubble");
    button.dispatchEvent(new PointerEvent("pointerdown", at));
    button.replaceWith(button.cloneNode(true));
    bubble.dispatchEvent(new MouseEvent("click", at));
    return button.dataset.command;
  });
  await wrote(page, command);
  assert.equal(await page.locator("#quote").isVisible(), false, "the tap was taken for a quote");
}

/** As somebody who knows no names: each notice has the next step, and says as whom it is done. */
async function wholeWay(page, house, { touch }) {
  const number = await house.order("桃花巷雨水倒灌");
  await open(page, house);
  const step = async (words, typedMore = "") => {
    await tap(page.locator(".command", { hasText: words }).last(), touch);
    const other = page.locator(".act-as").last();
    const filled = (name) => document.querySelector("#box").value.startsWith(name) || document.querySelector(".act-as");
    await page.waitForFunction(filled, words);
    if (await other.isVisible()) {
      const sends = (await other.innerText()).endsWith("发送");
      await tap(other, touch);
      if (sends) return;
    }
    await page.waitForFunction((name) => document.querySelector("#box").value.startsWith(name), words);
    if (typedMore) await box(page).fill(`${words} ${typedMore}`);
    await send(page, touch);
  };
  await step(`/签收 ${number}`);
  await state(house, number, "待派单");
  await reply(page, `✔ 【#${number}】已签收`).waitFor();
  await step(`/派单 ${number}`, "城管科");
  await state(house, number, "待接单");
  await page.locator(".row.bot", { hasText: `【#${number}】派单` }).waitFor();
  await step(`/接单 ${number}`);
  await state(house, number, "办理中");
  await reply(page, `✔ 【#${number}】已接单`).waitFor();
  await step(`/反馈 ${number}`, "已接通 已告知今日处理");
  await reply(page, `✔ 【#${number}】已记反馈`).waitFor();
  await step(`/办结 ${number}`, "解决 已清掏排水口");
  await state(house, number, "待评定");
  await page.locator(".row.bot", { hasText: `【#${number}】城管科 申报办结` }).waitFor();
  await step(`/评定 ${number}`, "是 解决 满意");
  await state(house, number, "待结案");
  await page.locator(".row.bot", { hasText: `【#${number}】复核` }).waitFor();
  await step(`/结案 ${number}`);
  await reply(page, `✔ 【#${number}】已结案`).waitFor();
}

/** The page knows the order as it was when it was opened: the seats could act for the 科室, but its head has it. */
async function ownName(page, house, { touch }) {
  const number = await house.order("桃花巷路面破损");
  await house.say("zhang", "dispatch", `/签收 ${number}`);
  await house.say("zhang", "dispatch", `/派单 ${number} 城管科`);
  await open(page, house, "wang");
  await page.route("**/console/complete?*", (route) => route.abort());
  await house.say("wang", "dispatch", `/接单 ${number}`);
  await house.say("wang", "dispatch", `/反馈 ${number} 已接通 已告知今日处理`);
  const step = reply(page, `✔ 【#${number}】已记反馈`).locator(".command", { hasText: `/办结 ${number}` });
  await step.waitFor();
  await page.waitForTimeout(1000); // the page asks again 0.7 s after a burst of news
  await page.unroute("**/console/complete?*");
  await tap(step, touch);
  await wrote(page, `/办结 ${number} `);
  assert.equal(await page.locator(".act-as").count(), 0, "the head's own step was offered to somebody else");
}

async function undisturbed(page, house) {
  const number = await house.order("桃花巷积水");
  await open(page, house);
  await box(page).click();
  await page.keyboard.type("大家早上好 /签 不是命令");
  assert.equal(await page.locator("#completion").isVisible(), false);
  await box(page).fill("");
  // A number that is not in the list, but begins like one that is: what was typed is what is sent.
  await page.keyboard.type(`/签收 ${number}9999`);
  await page.keyboard.press("Enter");
  await reply(page, `没有工单 #${number}9999`).waitFor();
  await page.keyboard.type(`/签收 ${number}`);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#completion").isVisible(), false, "Escape does not close the list");
  assert.equal(await typed(page), `/签收 ${number}`);
  await box(page).fill("");
  await page.keyboard.type("/派");
  const kept = await box(page).evaluate((node) => {
    const key = { key: "Enter", keyCode: 229, isComposing: true, bubbles: true, cancelable: true };
    node.dispatchEvent(new KeyboardEvent("keydown", key));
    return node.value;
  });
  assert.equal(kept, "/派", "Enter that belongs to the input method chose from the list");
}

async function byRole(page, house) {
  await open(page, house, "wang");
  await box(page).click();
  await page.keyboard.type("/");
  await option(page, "/接单").waitFor();
  assert.equal(await option(page, "/派单").count(), 0, "王科长 is offered /派单");
  assert.equal(await option(page, "/评定").count(), 0, "王科长 is offered /评定");
}

async function fixedWords(page, house, { touch }) {
  const number = await house.order("桃花巷消防通道被占");
  await house.say("zhang", "dispatch", `/签收 ${number}`);
  await house.say("zhang", "dispatch", `/派单 ${number} 平安建设科`);
  await open(page, house);
  await box(page).fill(`/接单 ${number} `);
  await choose(page, "代 平安建设科", touch);
  assert.equal(await typed(page), `/接单 ${number} 代 平安建设科`);
  await send(page, touch);
  await state(house, number, "办理中");
  await box(page).fill(`/反馈 ${number} `);
  const words = ["已接通", "联系不上", "无法联系"];
  for (const word of words) await option(page, word).waitFor();
  const marked = await page.locator("#usage mark").allInnerTexts();
  assert.ok(marked.includes(words.join("|")), `the usage marks ${marked.join(" ")}`);
  await box(page).fill(`/办结 ${number} 代 平安建设科 `);
  for (const word of ["解决", "部分解决", "未解决"]) await option(page, word).waitFor();
}

async function draft(page, house) {
  const number = await house.order("桃花巷树枝折断");
  await open(page, house);
  await notice(page, number).locator(".kind").click();
  await box(page).fill("/退回 非本辖区 写到一半");
  await page.reload();
  await notice(page, number).waitFor();
  assert.equal(await typed(page), "/退回 非本辖区 写到一半");
  assert.ok(await page.locator("#quote", { hasText: `【#${number}】` }).isVisible(), "the quote is gone");
}

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg==";
const picture = (name) => ({ name, mimeType: "image/png", buffer: Buffer.from(PIXEL, "base64") });

async function attached(page, house, { touch }) {
  const number = await house.order("桃花巷污水外溢");
  await open(page, house);
  const bubble = notice(page, number);
  if (touch) await bubble.locator(".kind").tap();
  else await bubble.locator(".quote-button").click();
  // By hand, one by one; pasted is the third.
  await page.locator("#files-input").setInputFiles([picture("现场照片.png"), picture("不要的.png")]);
  assert.equal(await page.locator("#files-list .file").count(), 2);
  await tap(page.locator("#files-list .file", { hasText: "不要的.png" }).locator("button"), touch);
  await page.locator("#files-hint", { hasText: "发送后存为这件工单的附件" }).waitFor();
  await box(page).fill("东门外");
  await shot(page, `attach-${touch ? 390 : 1440}-before`);
  await tap(page.locator("#send"), touch);
  await reply(page, `✔ 【#${number}】已存入 1 个附件`).waitFor();
  assert.equal(await page.locator("#files").isVisible(), false, "the file is still above the box");
  await box(page).fill(`/查 ${number}`);
  await page.keyboard.press("Escape");
  await send(page, touch);
  await reply(page, "现场照片.png · PNG 图片").waitFor();
  await page.locator(".row.ghost").waitFor({ state: "detached" });
  await shot(page, `attach-${touch ? 390 : 1440}-after`);
  // The same picture again, pasted.
  if (touch) await bubble.locator(".kind").tap();
  else await bubble.locator(".quote-button").click();
  await page.evaluate((pixel) => {
    const bytes = Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "image.png", { type: "image/png" }));
    const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.querySelector("#box").dispatchEvent(paste);
  }, PIXEL);
  await page.locator("#files-list .file", { hasText: "截图" }).waitFor();
  await tap(page.locator("#send"), touch);
  await reply(page, "已经存过（现场照片.png").waitFor();
}

async function imported(page, house, { touch }) {
  await open(page, house);
  await page.goto(`${house.base}/#@zhang`);
  await page.locator("#chat-purpose", { hasText: "只有你和机器人看得到" }).waitFor();
  const day = touch ? "260602" : "260603";
  const name = `导出${day}.csv`;
  const csv = ["工单编号,标题,主要内容,来电人,到达时间", `热线-${day}-000001,桃花巷路灯不亮,路灯不亮,张三,2026-06-01 08:10`]
    .concat(`热线-${day}-000002,桃花巷积水,积水,李四,2026-02-30`)
    .join("\r\n");
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text.body], text.name, { type: "text/csv" }));
    const chat = document.querySelector("#messages");
    for (const kind of ["dragenter", "dragover"])
      chat.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    window.dropped = data;
  }, { body: csv, name });
  assert.ok(await page.locator(".drop-here").isVisible(), "nothing shows where to drop");
  await shot(page, `import-${touch ? 390 : 1440}-drop`);
  await page.evaluate(() =>
    document
      .querySelector("#messages")
      .dispatchEvent(new DragEvent("drop", { dataTransfer: window.dropped, bubbles: true, cancelable: true })),
  );
  await page.locator("#files-hint", { hasText: "发送后作为工单导入" }).waitFor();
  await tap(page.locator("#send"), touch);
  const result = page.locator(".row[data-from=bot]", { hasText: `${name} 导入完成` }).last();
  await result.waitFor();
  const words = await result.locator(".text").innerText();
  assert.equal(words.trim().split("\n").at(-1), "新增 1 未变 0 变更 0 拒绝 1");
  assert.match(words, /第 3 行/);
  await shot(page, `import-${touch ? 390 : 1440}-done`);
  await house.skip(1);
}

async function unsent(page, house, { touch }) {
  await open(page, house);
  await page.locator("#files-input").setInputFiles([picture("现场照片.png")]);
  await page.locator("#files-hint", { hasText: "先点一条工单消息引用" }).waitFor();
  assert.ok(await page.locator("#send").isDisabled());
  await box(page).fill("12 现场照片");
  assert.ok(await page.locator("#send").isEnabled());
  await shot(page, `unsent-${touch ? 390 : 1440}`);
  // The office of this rehearsal keeps files of 1 MB at most.
  const large = { name: "录像.mp4", mimeType: "video/mp4", buffer: Buffer.alloc(2 << 20) };
  await page.locator("#files-input").setInputFiles([large]);
  await page.locator("#files-hint", { hasText: "“录像.mp4”超过 1 MB" }).waitFor();
  assert.ok(await page.locator("#send").isDisabled());
}

/** With SHOTS=folder, a picture of a moment in the middle of a check. */
async function shot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}

async function clock(page, house, { touch }) {
  await open(page, house);
  const before = new Date((await house.get("/console/clock")).now);
  await tap(page.locator("[data-minutes='10']"), touch);
  await page.locator("#toast", { hasText: "时钟已拨到" }).waitFor();
  const after = new Date((await house.get("/console/clock")).now);
  assert.ok(after - before >= 9 * 60_000 && after - before <= 10 * 60_000, `moved by ${(after - before) / 60_000} minutes`);
  if (touch) await page.locator("#back").tap();
  await page.locator("#clock-to").fill(`${DAY}T08:00`);
  await page.evaluate(() => document.querySelector("#clock-to").removeAttribute("min"));
  await tap(page.locator(".clock [type=submit]"), touch);
  await page.locator("#toast", { hasText: "时间不能倒退" }).waitFor();
}

/* Hands and eyes. */

async function open(page, house, person = "zhang") {
  await page.addInitScript((id) => sessionStorage.setItem("jiesu.console.person", id), person);
  await page.goto(`${house.base}/#dispatch`);
  await page.locator("#status[data-state=open]").waitFor({ state: "attached" });
  await page.locator("#commands .command-item").first().waitFor({ state: "attached" });
}

const box = (page) => page.locator("#box");
const typed = (page) => box(page).inputValue();
/** A tapped command stands in the box: whose step it is may have to be asked first. */
const wrote = (page, text) => page.waitForFunction((wanted) => document.querySelector("#box").value === wanted, text);
const tap = (place, touch) => (touch ? place.tap() : place.click());
const notice = (page, number) =>
  page.locator(".row[data-tone=notice], .row[data-tone=urgent]", { hasText: `【#${number}】` }).first();
const reply = (page, text) => page.locator(".row[data-kind=reply]", { hasText: text }).last();

const option = (page, label) =>
  page.locator("#completion [role=option]").filter({ has: page.locator(".option-label", { hasText: exactly(label) }) });

const exactly = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);

/** On a phone by a tap; on a desk with the arrows and Enter. */
async function choose(page, label, touch) {
  await option(page, label).waitFor();
  if (touch) return option(page, label).tap();
  for (let step = 0; step < 60; step += 1) {
    const chosen = page.locator("#completion [aria-selected=true] .option-label");
    if ((await chosen.count()) && (await chosen.innerText()) === label) return page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
  }
  throw new Error(`${label} was not reached with the arrows`);
}

async function send(page, touch) {
  if (touch) return page.locator("#send").tap();
  await box(page).focus();
  return page.keyboard.press("Enter");
}

async function above(page) {
  const [list, entry] = await Promise.all([page.locator("#completion").boundingBox(), box(page).boundingBox()]);
  return list.y >= 0 && list.y + list.height <= entry.y;
}

/** The service, not the page, is asked what became of the order. */
async function state(house, number, wanted) {
  let now = "";
  for (let tries = 0; tries < 50 && now !== wanted; tries += 1) {
    const { orders } = await house.get("/console/complete?person=zhang");
    now = orders.find(({ id }) => id === number)?.state ?? "not open";
    if (now !== wanted) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(now, wanted, `#${number} is ${now}`);
}
