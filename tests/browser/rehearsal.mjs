// A real service in a throw-away folder: sample organisation, standing clock, the work group on a free port.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TOKEN = "browser-test";
const READY_WITHIN = 60_000;

const POLICY = `[[rule]]
key = "arrivals"
since = 2026-01-01
title = "新工单密集时改发汇总（紧急、督办、点名除外）"
value = { above = 500, within = "1小时", hold = "5分钟", most = 20 }
source = "★"

[[rule]]
key = "attachments"
since = 2026-01-01
title = "附件大小和数量"
value = { file_mb = 1, count = 50, total_mb = 200 }
source = "★"
`;

export const DAY = "2026-06-01";

export async function startRehearsal() {
  const folder = await mkdtemp(join(tmpdir(), "jiesu-browser-"));
  // The clock stands, so that all orders come in one hour: each is to be announced by itself all the same.
  const policy = join(folder, "policy.toml");
  await writeFile(policy, POLICY);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const service = spawn(join(ROOT, ".venv", "bin", "jiesu"), ["run"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH,
      PYTHONPATH: ROOT, // this tree, wherever the environment was installed from
      JIESU_DATA_DIR: folder,
      JIESU_ORGANISATION_FILE: join(ROOT, "config", "sample", "organisation.toml"),
      JIESU_POLICY_FILE: policy,
      JIESU_HTTP__PORT: String(port),
      JIESU_INTAKE__TOKEN: TOKEN,
      JIESU_CONSOLE__ENABLED: "true",
      JIESU_CLOCK__START: `${DAY}T08:30:00+08:00`,
      JIESU_CLOCK__SPEED: "0",
    },
  });
  const ended = new Promise((resolve) => service.once("exit", resolve));
  const post = (path, body) => ask(base + path, body);
  async function stop() {
    service.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
  try {
    await answers(service, base);
  } catch (error) {
    await stop();
    throw error;
  }
  let orders = 0;
  return {
    base,
    stop,
    post,
    /** Says something as a person; gives the text of the first reply. */
    say: async (person, group, text) => (await post("/console/messages", { person, group, text })).replies[0]?.text,
    /** A new order comes in over the API; gives its short number. */
    async order(title, more = {}) {
      await post("/api/orders", anOrder((orders += 1), title, more));
      return orders;
    },
    /** Orders that came in by another way took these numbers. */
    skip: (count) => (orders += count),
    get: async (path) => (await fetch(base + path)).json(),
  };
}

/** Debian's browser, or the one that CHROMIUM names. */
export const launchBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

function anOrder(number, title, more) {
  return {
    工单编号: `热线-260601-${String(number).padStart(6, "0")}`,
    工单类型: "诉求",
    问题分类: "城市管理->市政设施->路灯",
    标题: title,
    主要内容: `市民反映${title}，来电人张三，联系电话13800001234`,
    来电人: "张三",
    "来电人电话/账号": "13800001234",
    被反映区: "海淀区",
    被反映街乡镇: "桃花街道",
    "村/社区": "科源社区",
    小区点位: "桃花巷",
    到达时间: `${DAY} 08:30:00`,
    ...more,
  };
}

async function ask(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`${address}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function answers(service, base) {
  const until = Date.now() + READY_WITHIN;
  for (;;) {
    if (service.exitCode !== null) throw new Error("jiesu run did not start");
    try {
      if ((await fetch(`${base}/healthz`)).ok) return;
    } catch {
      if (Date.now() > until) throw new Error("jiesu run does not answer");
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
