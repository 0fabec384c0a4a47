// The console page in a real browser against a real service, at the width of a phone and of a desk.
//
// `make test-browser` runs it. It needs node and a Chromium (CHROMIUM names it, default /usr/bin/chromium). With
// SHOTS=folder it leaves a picture after each check. The last line is "N passed, N failed".

import { join } from "node:path";
import { CHECKS } from "./checks.mjs";
import { launchBrowser, startRehearsal } from "./rehearsal.mjs";

const SIZES = [
  { name: "390", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  { name: "1440", viewport: { width: 1440, height: 900 } },
];
const PATIENCE = 10_000;

let passed = 0;
let failed = 0;
const house = await startRehearsal();
try {
  const browser = await launchBrowser();
  try {
    for (const { name, ...size } of SIZES) {
      for (const [title, check] of CHECKS) await run(browser, `${name} px: ${title}`, size, check);
    }
  } finally {
    await browser.close();
  }
} finally {
  await house.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

/** Each check has a browser of its own, with nothing remembered. */
async function run(browser, title, size, check) {
  const context = await browser.newContext({ ...size, locale: "zh-CN", timezoneId: "Asia/Shanghai", reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.stack));
  try {
    await check(page, house, { touch: Boolean(size.hasTouch) });
    if (faults.length) throw new Error(`the page failed: ${faults.join("\n")}`);
    passed += 1;
    console.log(`ok    ${title}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${title}\n      ${String(error.message).split("\n").join("\n      ")}`);
  }
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${title.replace(/\W+/g, "-")}.png`) });
  await context.close();
}
