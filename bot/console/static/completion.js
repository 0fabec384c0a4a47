/*
 * What can be completed where. A source takes {before, after, commands, alone} (the text on both sides of the caret; alone with the bot) and
 * gives {from, items} or null; the first that gives something wins. Arguments (orders, 科室, people, fixed words)
 * become further sources in SOURCES.
 *
 * An item is {label, hint, detail, insert, exact}: `insert` replaces the text from `from` to the caret.
 */

const SLASH = /^[/／、\\]/;

const SOURCES = [commandNames];

export function complete(state) {
  for (const source of SOURCES) {
    const found = source(state);
    if (found?.items.length) return found;
  }
  return null;
}

/** A slash and the beginning of a name, at the start of the text. */
function commandNames({ before, after, commands, alone }) {
  if (!SLASH.test(before) || /\s/.test(before)) return null;
  const typed = before.slice(1).toLowerCase();
  const aboutOrder = /^\s*#?\d/.test(after);
  const items = [];
  for (const command of commands) {
    if (command.private && !alone) continue;
    const names = [command.name, ...command.aliases];
    const starts = names.find((name) => name.toLowerCase().startsWith(typed));
    const usage = usageOf(command);
    if (starts === undefined && !(typed && command.name.includes(typed))) continue;
    if (aboutOrder && !takesOrder(usage)) continue;
    items.push({
      label: `/${command.name}`,
      hint: usage,
      detail: command.summary,
      insert: `/${command.name}${usage && !after.startsWith(" ") ? " " : ""}`,
      exact: names.some((name) => name.toLowerCase() === typed),
      rank: starts === undefined ? 1 : 0,
    });
  }
  return { from: 0, items: items.sort((a, b) => a.rank - b.rank) };
}

/** The arguments alone, whether or not the office writes the command before them. */
export function usageOf(command) {
  const usage = command.usage ?? "";
  return usage.replace(new RegExp(`^/?${command.name}(?=\\s|$)`), "").trim();
}

const takesOrder = (usage) => /(^|[\s[])N(?!\w)/.test(usage);
