/* Times as the office reads them: always Asia/Shanghai, whatever the computer is set to. */

const ZONE = "Asia/Shanghai";
const FIELDS = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const WEEKDAY = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, weekday: "long" });
const DAY = 24 * 60 * 60 * 1000;

function fields(moment) {
  return Object.fromEntries(FIELDS.formatToParts(moment).map(({ type, value }) => [type, value]));
}

/** "2026-06-01", the day in Shanghai; equal for two moments of one day. */
export function dayKey(moment) {
  const { year, month, day } = fields(moment);
  return `${year}-${month}-${day}`;
}

/** "08:32" */
export function clockTime(moment) {
  const { hour, minute } = fields(moment);
  return `${hour}:${minute}`;
}

/** "2026-06-01 08:32" */
export function fullTime(moment) {
  return `${dayKey(moment)} ${clockTime(moment)}`;
}

/** "2026-06-01T08:32" of Shanghai, as a field for date and time holds it and the service reads it. */
export function fieldTime(moment) {
  return `${dayKey(moment)}T${clockTime(moment)}`;
}

/** 今天 6月1日 · 星期一, 昨天 …, or with the year when it is another one. */
export function dayName(moment, now) {
  const { year, month, day } = fields(moment);
  const date = `${Number(month)}月${Number(day)}日`;
  const full = year === fields(now).year ? date : `${year}年${date}`;
  const near = { [dayKey(now)]: "今天 ", [dayKey(new Date(now.getTime() - DAY))]: "昨天 " }[dayKey(moment)] ?? "";
  return `${near}${full} ${WEEKDAY.format(moment)}`;
}

/** For the list of chats: 08:32, 昨天, or 5月30日. */
export function shortTime(moment, now) {
  if (dayKey(moment) === dayKey(now)) return clockTime(moment);
  if (dayKey(moment) === dayKey(new Date(now.getTime() - DAY))) return "昨天";
  const { month, day } = fields(moment);
  return `${Number(month)}月${Number(day)}日`;
}

/** The office's clock, which in a rehearsal stands still or runs faster than ours. */
export class OfficeClock {
  rehearsal = false;
  /** Whether robots are configured, so that messages leave the machine. */
  robots = false;
  speed = 1;
  #base = Date.now();
  #seen = performance.now();

  set({ now, speed, rehearsal, robots }) {
    this.#base = new Date(now).getTime();
    this.#seen = performance.now();
    this.speed = speed ?? 1;
    this.rehearsal = Boolean(rehearsal);
    this.robots = Boolean(robots);
  }

  now() {
    return new Date(this.#base + (performance.now() - this.#seen) * this.speed);
  }
}
