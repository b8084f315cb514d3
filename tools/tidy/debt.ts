import { posix } from "node:path";
import { rules } from "./rules.ts";
import type { Tree, Violation } from "./tree.ts";

const folder = "tools/debt/";

/**
 * `tools/debt/<rule>.txt` lists, one a line, files whose violations of that rule are known and not
 * yet mended. An entry that is no longer needed is itself a violation, so a list can only shrink.
 */
export function settleDebt(tree: Tree, found: readonly Violation[]): Violation[] {
  const excused = new Set<Violation>();
  const stale: Violation[] = [];
  for (const path of tree.paths.filter((candidate) => candidate.startsWith(folder))) {
    const rule = posix.basename(path, ".txt");
    if (!(rule in rules) || rule === "debt") {
      stale.push({ path, line: 1, rule: "debt", message: `there is no rule ${rule}` });
      continue;
    }
    tree
      .text(path)
      .split("\n")
      .forEach((entry, at) => {
        if (entry.trim() === "") return;
        const owed = found.filter((one) => one.rule === rule && one.path === entry.trim());
        for (const one of owed) excused.add(one);
        if (owed.length > 0) return;
        const message = `${entry} is paid: take the line out`;
        stale.push({ path, line: at + 1, rule: "debt", message });
      });
  }
  return [...found.filter((one) => !excused.has(one)), ...stale];
}
