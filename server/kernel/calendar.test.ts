import { expect, test } from "vitest";
import {
  addDays,
  businessDayOf,
  compactDay,
  daysBetween,
  endOfDay,
  isZone,
  parseDay,
  startOfDay,
  wallClockMs,
} from "./calendar.ts";
import { formatInstant, hourMs } from "./time.ts";

test("a business day turns at local midnight, not at UTC's", () => {
  expect(businessDayOf(Date.parse("2025-11-20T15:59:59.999Z"))).toBe("2025-11-20");
  expect(businessDayOf(Date.parse("2025-11-20T16:00:00.000Z"))).toBe("2025-11-21");
});

test("a day begins and ends at exact instants", () => {
  expect(formatInstant(startOfDay("2025-11-21"))).toBe("2025-11-20T16:00:00.000Z");
  expect(formatInstant(endOfDay("2025-11-21"))).toBe("2025-11-21T16:00:00.000Z");
});

test("a day on which clocks change has 23 or 25 hours", () => {
  const hours = (day: "2025-03-09" | "2025-11-02") =>
    (endOfDay(day, "America/New_York") - startOfDay(day, "America/New_York")) / hourMs;
  expect(hours("2025-03-09")).toBe(23);
  expect(hours("2025-11-02")).toBe(25);
});

test("a day whose midnight was skipped begins when its clocks begin", () => {
  // Sao Paulo went from 23:59:59 on the 3rd straight to 01:00 on the 4th.
  expect(formatInstant(startOfDay("2018-11-04", "America/Sao_Paulo"))).toBe(
    "2018-11-04T03:00:00.000Z",
  );
});

test("every first instant is of its day and the one before is not, over years and zones", () => {
  for (const zone of ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
    for (let day = parseDay("2024-01-01") ?? expect.fail(); day < "2026-01-01";) {
      const start = startOfDay(day, zone);
      expect(businessDayOf(start, zone)).toBe(day);
      expect(businessDayOf(start - 1, zone)).toBe(addDays(day, -1));
      day = addDays(day, 1);
    }
});

test("the wall clock is counted from local midnight", () => {
  expect(wallClockMs(Date.parse("2025-11-21T01:30:00.250Z"))).toBe(9.5 * hourMs + 250);
});

test("days are added over months and leap years", () => {
  expect(addDays("2024-02-28", 1)).toBe("2024-02-29");
  expect(addDays("2025-03-01", -1)).toBe("2025-02-28");
  expect(daysBetween("2024-02-28", "2024-03-01")).toBe(2);
});

test("only dates that exist are days", () => {
  expect(parseDay("2025-11-21")).toBe("2025-11-21");
  expect(parseDay("2025-02-30")).toBeUndefined();
  expect(parseDay("2025-1-1")).toBeUndefined();
  expect(compactDay("2025-11-21")).toBe("20251121");
});

test("only names of the tz database are zones", () => {
  expect(isZone("Asia/Shanghai")).toBe(true);
  expect(isZone("Asia/Nowhere")).toBe(false);
  expect(isZone("+08:00")).toBe(false);
});
