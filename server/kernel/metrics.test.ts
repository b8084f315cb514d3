import { expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";
import { createManualClock } from "./time.ts";

test("what was observed stands in the text that Prometheus reads", async () => {
  const metrics = createMetrics({ clock: createManualClock(0) });
  metrics.batches.committed("place_thing", 95, 0.004);
  metrics.batches.queued(7);
  metrics.oldestUnfinished("thing", "waiting", 12);
  metrics.httpRequest("GET", "/v1/things/:id", 200, 0.002);
  const text = await metrics.text();
  expect(text).toContain('tongbao_batch_size_bucket{le="128",operation="place_thing"} 1');
  expect(text).toContain('tongbao_batch_size_bucket{le="64",operation="place_thing"} 0');
  expect(text).toContain("tongbao_queue_depth 7");
  expect(text).toContain('tongbao_oldest_unfinished_seconds{machine="thing",state="waiting"} 12');
  expect(text).toMatch(/tongbao_http_request_seconds_count\{.*route="\/v1\/things\/:id".*\} 1/);
  expect(text).toContain("tongbao_process_cpu_user_seconds_total");
});

test("a module has figures of its own", async () => {
  const metrics = createMetrics({ clock: createManualClock(0) });
  const inside = metrics.gauge({ name: "tongbao_inside", help: "Who is inside." });
  const came = metrics.counter({ name: "tongbao_came_total", help: "Who came." });
  expect(await metrics.text()).toContain("tongbao_inside 0");
  inside(7);
  inside(5);
  came(3);
  came(4);
  const text = await metrics.text();
  expect(text).toContain("# HELP tongbao_inside Who is inside.");
  expect(text).toContain("# TYPE tongbao_inside gauge\ntongbao_inside 5");
  expect(text).toContain("# TYPE tongbao_came_total counter\ntongbao_came_total 7");
});

test("measures run when the figures are read, once for many readers", async () => {
  const clock = createManualClock(0);
  const metrics = createMetrics({ clock });
  let measured = 0;
  metrics.measure("backlog", () => metrics.jobBacklog((measured += 1)));
  const [first, second] = await Promise.all([metrics.text(), metrics.text()]);
  expect(first).toContain("tongbao_job_backlog 1");
  expect(second).toContain("tongbao_job_backlog 1");
  clock.advance(1_999);
  expect(await metrics.text()).toContain("tongbao_job_backlog 1");
  clock.advance(1);
  expect(await metrics.text()).toContain("tongbao_job_backlog 2");
});

test("a measure that fails is counted and takes no other figure along", async () => {
  const metrics = createMetrics({ clock: createManualClock(0) });
  metrics.measure("gone", () => Promise.reject(new Error("no database")));
  metrics.measure("here", () => metrics.jobBacklog(3));
  const text = await metrics.text();
  expect(text).toContain('tongbao_measure_failures_total{measure="gone"} 1');
  expect(text).toContain("tongbao_job_backlog 3");
});

test("two sets of metrics live side by side", async () => {
  const clock = createManualClock(0);
  const [left, right] = [createMetrics({ clock }), createMetrics({ clock })];
  left.jobBacklog(5);
  expect(await right.text()).toContain("tongbao_job_backlog 0");
});
