/* The office's roles and groups as people call them (domain, section 1). The order is the order of work. */

export const ROLES = {
  duty: "值班坐席",
  department: "业务科室",
  reviewer: "复核专员",
  office: "综合科",
  centre: "街道分中心",
  analyst: "数据专员",
  leader: "街道领导",
  principal: "甲方授权人",
  admin: "系统管理员",
};

export const PURPOSES = {
  dispatch: "新工单、签收派单、办理结果",
  supervision: "督办与催办",
  department: "本科室的派单与办理",
  leaders: "提请领导关注",
};

const ORDER = Object.keys(ROLES);

/** The 科室 a person belongs to, by name; null for none. */
export const departmentOf = (person) => (person.department && (person.department_name ?? person.department)) || null;

/** "城管科", or "综合科、数据专员": what stands beside a name. */
export function standing(person) {
  const others = person.roles.filter((role) => role !== "department").map((role) => ROLES[role] ?? role);
  return [...new Set([departmentOf(person), ...others])].filter(Boolean).join("、") || ROLES.department;
}

/** [[heading, people]…]: seats first, then each 科室, then the rest in the order of work. */
export function byStanding(people) {
  const rank = (person) =>
    Math.min(...person.roles.map((role) => ORDER.indexOf(role)).filter((place) => place >= 0), ORDER.length);
  const headings = new Map();
  for (const person of [...people].sort((a, b) => rank(a) - rank(b))) {
    const main = ORDER[rank(person)];
    const heading = main === "department" ? (departmentOf(person) ?? ROLES.department) : (ROLES[main] ?? "其他");
    if (!headings.has(heading)) headings.set(heading, []);
    headings.get(heading).push(person);
  }
  return [...headings];
}
