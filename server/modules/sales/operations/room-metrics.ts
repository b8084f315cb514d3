import type { Metrics } from "../../../kernel/metrics.ts";

/** What an operator sees of waiting rooms. */
export interface RoomMetrics {
  /** After each round: who waits in open sales, and how many a second this process lets in. */
  waiting(members: number, perSecond: number): void;
  admitted(members: number): void;
}

export function createRoomMetrics(metrics: Pick<Metrics, "gauge" | "counter">): RoomMetrics {
  const waiting = metrics.gauge({
    name: "tongbao_admission_waiting",
    help: "Members that wait for their turn, of the whole installation.",
  });
  const pace = metrics.gauge({
    name: "tongbao_admission_per_second",
    help: "How many a second this process lets in at most: by the length of its queue.",
  });
  const admitted = metrics.counter({
    name: "tongbao_admitted_total",
    help: "Members that this process has let in.",
  });
  return {
    waiting(members, perSecond) {
      waiting(members);
      pace(perSecond);
    },
    admitted,
  };
}
