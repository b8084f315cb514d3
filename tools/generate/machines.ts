import type { Machine, State } from "../../server/kernel/machine.ts";
import { statesOf } from "../../server/kernel/machine.ts";
import { machines } from "../../server/wiring.ts";

const head = `# State machines

Generated from the machines in \`server/modules/\` by \`npm run generate\`.

Nothing gets stuck: every state that must be left says by when, how the platform finds out what
became of it when nobody tells, and who owns it when finding out fails. A final state is never
left. A resting state is as good as final: only what its row names still moves it.
`;

export function machinesDocument(): Promise<string> {
  return Promise.resolve([head, ...machines.map(machineSection)].join("\n"));
}

export function machineSection(machine: Machine): string {
  const rows = statesOf(machine).map((name) => {
    const next = nextOf(machine, name).map((state) => `\`${state}\``);
    const { deadline, findOut, owner } = cellsOf(machine.states[name]);
    return `| \`${name}\` | ${deadline} | ${findOut} | ${owner} | ${next.join(", ")} |`;
  });
  return [
    `## ${machine.name}`,
    "",
    "| state | deadline | how to find out | owner | next states |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
    "```mermaid",
    ...diagram(machine),
    "```",
    "",
  ].join("\n");
}

function cellsOf(state: State | undefined) {
  if (state === undefined || "final" in state) return { deadline: "final", findOut: "", owner: "" };
  if ("resting" in state) return { deadline: "rests", findOut: state.resting, owner: "" };
  return state;
}

/** https://mermaid.js.org/syntax/stateDiagram.html; \`[*]\` is the beginning, and the end. */
function diagram(machine: Machine): string[] {
  const states = statesOf(machine);
  return [
    "stateDiagram-v2",
    `  [*] --> ${machine.initial}`,
    ...states.flatMap((from) => nextOf(machine, from).map((to) => `  ${from} --> ${to}`)),
    ...states
      .filter((name) => nextOf(machine, name).length === 0)
      .map((name) => `  ${name} --> [*]`),
  ];
}

function nextOf(machine: Machine, name: string): readonly string[] {
  return machine.moves[name] ?? [];
}
