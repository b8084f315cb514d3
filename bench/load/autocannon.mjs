// Orders by autocannon, in a process of its own: the twin of wrk.lua. At the end one line of JSON
// tells what was sent and what came back.
import { readFileSync } from "node:fs";
import autocannon from "autocannon";

const cell = JSON.parse(readFileSync(process.env.BENCH_CELL, "utf8"));
let sent = 0;

function nextOrder(request) {
  sent += 1;
  const skuId = cell.skuIds[sent % cell.skuIds.length];
  request.headers["idempotency-key"] = `${cell.run}-${sent}`;
  request.body = JSON.stringify({
    memberId: `m-${sent % 10_000}`,
    lines: [{ skuId, quantity: 1 }],
  });
  return request;
}

const result = await autocannon({
  url: `${cell.address}/v1/orders`,
  connections: cell.connections,
  duration: cell.seconds,
  timeout: 20,
  method: "POST",
  headers: { authorization: `Bearer ${cell.token}`, "content-type": "application/json" },
  requests: [{ setupRequest: nextOrder }],
});
const answered = Object.values(result.statusCodeStats).reduce((sum, { count }) => sum + count, 0);
const counts = {
  sent,
  answered,
  created: result.statusCodeStats["201"]?.count ?? 0,
  broken: result.errors + result.timeouts,
  seconds: result.duration,
  p50Ms: result.latency.p50,
  p99Ms: result.latency.p99,
};
process.stdout.write(`RESULT ${JSON.stringify(counts)}\n`);
