/** The figures for people: tables for the terminal and for the page of results. Pure. */
import type { ClosingRound } from "./closing.ts";
import type { Cell, Round, Way } from "./figures.ts";
import { median, ways } from "./figures.ts";
import type { Generator } from "./load/load.ts";
import type { Machine } from "./machine.ts";
import type { NoticeCell } from "./notices/notices.ts";
import type { Options } from "./options.ts";
import { shownPools } from "./orders.ts";
import type { Overload } from "./overload.ts";
import type { Result } from "./run.ts";

export interface Report extends Result {
  readonly at: string;
  /** How long the run took. */
  readonly minutes: number;
  readonly generator: Generator;
  readonly options: Options;
  readonly machine: Machine;
}

interface Table {
  readonly title: string;
  /** What the reader has to know to read it. */
  readonly about: readonly string[];
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const usedHeading = ["batch", "Node us", "PostgreSQL us", "generator us", "WAL bytes"] as const;

export function terminalTextOf(report: Report): string {
  const tables = tablesOf(report).flatMap((table) => [table.title, ...alignedLines(table), ""]);
  return [...tables, ...wordsOf(report)].join("\n");
}

/** The page of the last whole runs. */
export function pageOf(reports: readonly Report[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const sections = reports.flatMap((report) => [
    ...tablesOf(report).flatMap(({ title, about, heading, rows }) => [
      `## ${title}`,
      "",
      ...about,
      ...(about.length === 0 ? [] : [""]),
      line(heading),
      line(heading.map((_, column) => (column === 0 ? "---" : "---:"))),
      ...rows.map(line),
      "",
    ]),
    ...wordsOf(report).map((words) => `- ${words}`),
    "",
  ]);
  return [
    "# What the bench measured",
    "",
    "Written by `npm run bench`; every run is a line of JSON beside this page. Figures are medians",
    "over rounds, ratios medians of the ratios within one turn, in which the ways came one right",
    "after the other. us: processor time of one order (notice) by process. Batch: commands that",
    "shared a transaction. WAL: what one adds to the log of PostgreSQL.",
    "",
    ...sections,
  ].join("\n");
}

function alignedLines({ heading, rows }: Table): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  return all.map((row) => row.map((text, column) => text.padStart(widths[column] ?? 0)).join("  "));
}

function tablesOf({ measured, options }: Report): Table[] {
  switch (measured.kind) {
    case "parts":
      return [
        ...(measured.cells.length === 0 ? [] : orderTables(measured.cells)),
        ...(measured.notices.length === 0 ? [] : [noticesTable(measured.notices)]),
        ...(measured.closing.length === 0 ? [] : [closingTable(measured.closing)]),
      ];
    case "overload":
      return [overloadTable(measured, Math.max(...options.connections))];
    case "soak": {
      const { minutes, round, memory } = measured;
      return [
        {
          title: "Soak",
          about: ["Memory of the platform's process (resident), under full load all the while."],
          heading: ["minutes", "orders/s", "p50 ms", "p99 ms", "most MB", "median MB", "MB/h"],
          rows: [
            [
              whole(minutes),
              whole(round.perSecond),
              ms(round.p50Ms),
              ms(round.p99Ms),
              whole(memory.maxMb),
              whole(memory.medianMb),
              whole(memory.growthMbPerHour),
            ],
          ],
        },
      ];
    }
  }
}

function overloadTable({ peaks, figures }: Overload, connections: number): Table {
  return {
    title: "Overload",
    about: [
      `Each round begins and ends with the peak, that of ${connections} callers who wait for their`,
      "answers; what was taken is held against the mean of the two. Between them so many orders a",
      "second come whatever the answers are: 85 % of the first, and times of that. By one process that",
      "answers, and by two on the same cores. Latency is that of accepted orders, from the moment at",
      "which each was due.",
    ],
    heading: ["processes", "", "offered/s", "accepted/s", "of peak", "p50 ms", "p99 ms", "503"],
    rows: peaks.flatMap(({ processes, perSecond, p50Ms, p99Ms }) => [
      [whole(processes), "peak", "", whole(perSecond), "", ms(p50Ms), ms(p99Ms), ""],
      ...figures
        .filter((row) => row.processes === processes)
        .map((row) => [
          whole(processes),
          `${row.factor} times`,
          whole(row.offeredPerSecond),
          whole(row.acceptedPerSecond),
          `${whole(row.shareOfPeak * 100)} %`,
          ms(row.p50Ms),
          ms(row.p99Ms),
          whole(row.shed),
        ]),
    ]),
  };
}

function orderTables(cells: readonly Cell[]): Table[] {
  const rowOf = (cell: Cell, way: Way): string[] => {
    const figures = cell.figures[way];
    const { toNaive, toTuned, toEdge, toEcho } = figures;
    const ratios = [toNaive, toTuned, toEdge, toEcho].map((ratio) => ratio.toFixed(2));
    return [
      whole(cell.skus),
      whole(cell.connections),
      way,
      whole(figures.perSecond),
      ms(figures.p50Ms),
      ms(figures.p99Ms),
      ...ratios,
      ...usedOf(figures),
    ];
  };
  const ratioHeading = ["to naive", "to tuned", "to edge", "to echo"];
  const shared = ["orders/s", "p50 ms", "p99 ms", ...ratioHeading, ...usedHeading];
  return [
    {
      title: "Orders a second",
      about: [
        "The same order in all ways. _naive_ is one transaction per request as it is usually written",
        "(`bench/naive`): each statement is awaited, the stock is locked and looked at, then everything",
        "is written. _tuned_ is one transaction per request as well as it can be written: pipelined, two",
        "round trips, the lock of the stock taken last and guarded by a constraint. _platform_ is",
        "`POST /v1/orders` of the platform with everything that belongs to it, _sale_ the same in a flash",
        "sale of all the SKUs, with a limit per member that is counted with each order. _edge_ is the",
        "platform's own HTTP edge with nothing behind it, _echo_ what Fastify alone does with the same",
        "request. Ratios are those of _platform_, and then of _sale_ to it.",
      ],
      heading: ["SKUs", "connections", ...ways, ...ratioHeading, "sale to it"],
      rows: cells.map(({ skus, connections, figures }) => {
        const { toNaive, toTuned, toEdge, toEcho } = figures.platform;
        return [
          whole(skus),
          whole(connections),
          ...ways.map((way) => whole(figures[way].perSecond)),
          toNaive.toFixed(1),
          toTuned.toFixed(1),
          toEdge.toFixed(2),
          toEcho.toFixed(2),
          figures.sale.toPlatform.toFixed(2),
        ];
      }),
    },
    {
      title: "Orders in full",
      about: [],
      heading: ["SKUs", "connections", "way", ...shared],
      rows: cells.flatMap((cell) => ways.map((way) => rowOf(cell, way))),
    },
  ];
}

function noticesTable(cells: readonly NoticeCell[]): Table {
  return {
    title: "Payment notices",
    about: [
      "Notices of payments, half of them WeChat Pay's and half Alipay's, signed as the channels sign",
      "them: verified, kept, booked, acknowledged. The last column counts until the orders behind them",
      "are paid, which follows over events.",
    ],
    heading: ["connections", "notices/s", "p50 ms", "p99 ms", ...usedHeading, "orders paid/s"],
    rows: cells.map(({ connections, figures }) => [
      whole(connections),
      whole(figures.perSecond),
      ms(figures.p50Ms),
      ms(figures.p99Ms),
      ...usedOf(figures),
      whole(figures.ordersPaidPerSecond),
    ]),
  };
}

function closingTable(rounds: readonly ClosingRound[]): Table {
  const of = (key: keyof ClosingRound): number | undefined => {
    const values = rounds.flatMap((round) => round[key] ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    title: "Closing unpaid orders",
    about: [
      "So many orders are past their time at once, and the platform's own sweep closes them: units",
      "back, history and event written. Latency is that of one batch, from begin to commit.",
    ],
    heading: [
      "orders",
      "closed/s",
      "p50 ms",
      "p99 ms",
      "orders a batch",
      "Node us",
      "PostgreSQL us",
      "WAL bytes",
    ],
    rows: [
      [
        whole(of("orders")),
        whole(of("perSecond")),
        ms(of("p50Ms")),
        ms(of("p99Ms")),
        whole(of("ordersPerBatch")),
        whole(of("nodeUs")),
        whole(of("postgresUs")),
        whole(of("walBytes")),
      ],
    ],
  };
}

function usedOf({ batch, nodeUs, postgresUs, generatorUs, walBytes }: Round): string[] {
  return [batch, nodeUs, postgresUs, generatorUs, walBytes].map(whole);
}

function whole(value: number | undefined): string {
  return value === undefined ? "" : Math.round(value).toLocaleString("en");
}

function ms(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(1);
}

/** Orders that are due at a fixed rate are more than wrk can send. */
function generatorOf({ generator, measured }: Report): string {
  const isWrk = generator === "wrk" && measured.kind !== "overload";
  return isWrk ? "wrk" : "bench/load/generator.ts";
}

function wordsOf(report: Report): string[] {
  const { machine, options, durability, measured } = report;
  const { cores, processor, memoryGb, system, node, nodeOptions } = machine;
  const durable = Object.entries(durability).map(([name, value]) => `${name} ${value}`);
  const proven =
    measured.kind === "parts" && measured.cells.length === 0
      ? []
      : [`${whole(measured.ordersProven)} orders were acknowledged and all of them found again`];
  return [
    `${report.at.slice(0, 10)}; ${cores} cores of ${processor}, ${memoryGb} GB, ${system}`,
    `Node ${[node, nodeOptions].join(" ").trim()}, PostgreSQL ${report.postgres}: ${durable.join(", ")}`,
    `programs that wanted a core in the minute before: ${machine.loadBefore.toFixed(1)}`,
    `load by ${generatorOf(report)} on the same machine; ` +
      `${options.rounds} rounds of ${options.seconds} s; ${report.minutes.toFixed(1)} minutes in all`,
    ...(measured.kind === "parts" ? shownPools(measured.cells) : []),
    ...proven,
    "afterwards an audit found the ledger sound",
  ];
}
