// Makes docs/console.png: a rehearsal whose clock stands still, a morning's work over HTTP, one picture of the page.
//
// `make screenshot` runs it. It needs node, a Chromium (CHROMIUM names it, default /usr/bin/chromium) and a Chinese
// font; the orders are written out here, so the picture changes only when the page or the texts do.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DAY, launchBrowser, startRehearsal } from "../tests/browser/rehearsal.mjs";

const DOCS = dirname(fileURLToPath(import.meta.url));

const order = (number, at, category, title, content, community, place, more = {}) => ({
  工单编号: `热线-260601-${number}`,
  工单类型: "诉求",
  问题分类: category,
  标题: title,
  主要内容: content,
  来电人: "张三",
  "来电人电话/账号": "13800001234",
  被反映区: "海淀区",
  被反映街乡镇: "桃花街道",
  "村/社区": community,
  小区点位: place,
  到达时间: `${DAY} ${at}:00`,
  ...more,
});

// Each line is one moment: who says what where, or which order arrives.
const MORNING = [
  ["08:32", order("000101", "08:32", "城市管理->市政设施->路灯", "桃花巷路灯不亮",
    "市民反映，桃花巷自昨晚起有三盏路灯不亮，夜间出行不便。来电人张三，联系电话13800001234，希望尽快修复。", "科源社区", "桃花巷")],
  ["08:33", "zhang", "dispatch", "/签收 1"],
  ["08:35", "zhang", "dispatch", "/派单 1 市政环卫科 请今日到场查看"],
  ["08:38", "huang", "shizheng", "/接单 1"],
  ["08:41", order("000102", "08:41", "住房城乡建设->物业管理->电梯故障", "科源小区电梯困人",
    "来电人李四，电话13800005678，称科源小区3号楼电梯停在6层和7层之间，困住一位老人。2小时内回复市中心", "科源社区", "科源小区3号楼",
    { 紧急程度: "紧急", 来电人: "李四", "来电人电话/账号": "13800005678" })],
  ["08:42", "zhang", "dispatch", "/签收 2"],
  ["08:43", "zhang", "dispatch", "/派单 2 社区建设科+平安建设科 老人被困，请立即到场"],
  ["08:45", "liu", "shequ", "/接单 2"],
];

const WIDTH = 1440;
const HEIGHT = 900;

const { base, stop, post } = await startRehearsal();

try {
  for (const [at, ...what] of MORNING) {
    await post("/console/clock", { now: `${DAY}T${at}:00+08:00` });
    if (typeof what[0] === "object") await post("/api/orders", what[0]);
    else await say(...what);
  }
  const newest = MORNING.at(-1)[0];
  await post("/console/clock", { now: `${DAY}T${newest}:30+08:00` });
  const browser = await launchBrowser();
  try {
    await take(browser);
  } finally {
    await browser.close();
  }
} finally {
  await stop();
}

async function take(browser) {
  const page = await browser.newPage({
    viewport: { width: WIDTH, height: HEIGHT },
    colorScheme: "light",
    locale: "zh-CN",
    timezoneId: "Asia/Shanghai",
    reducedMotion: "reduce",
  });
  await page.goto(`${base}/#dispatch`);
  await page.locator("#messages", { hasText: "刘科长" }).waitFor();
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(500); // the list scrolls to its end after it is built
  await page.screenshot({ path: join(DOCS, "console.png") });
}

async function say(person, group, text) {
  const { replies } = await post("/console/messages", { person, group, text });
  const refused = replies.find((reply) => reply.text.startsWith("✘"));
  if (refused) throw new Error(`${text}\n${refused.text}`);
}
