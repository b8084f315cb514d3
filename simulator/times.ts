/** Both channels speak Beijing time; China has had no summer time since 1991. */
const beijingOffsetMs = 8 * 3_600_000;
export const dayMs = 24 * 3_600_000;

/** 1700000000000 -> "2023-11-15T06:13:20+08:00" */
export function beijingRfc3339(at: number): string {
  return `${shifted(at).slice(0, 19)}+08:00`;
}

/** 1700000000000 -> "2023-11-15 06:13:20" */
export function beijingText(at: number): string {
  return shifted(at).slice(0, 19).replace("T", " ");
}

/** 1700000000000 -> "2023-11-15" */
export function beijingDay(at: number): string {
  return shifted(at).slice(0, 10);
}

/** 1700000000000 -> "20231115061320" */
export function beijingDigits(at: number): string {
  return shifted(at).slice(0, 19).replaceAll(/\D/g, "");
}

function shifted(at: number): string {
  return new Date(at + beijingOffsetMs).toISOString();
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const plainText = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

export function parseRfc3339(text: string): number | undefined {
  if (!rfc3339.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

export function parseBeijingText(text: string): number | undefined {
  if (!plainText.test(text)) return undefined;
  return parseRfc3339(`${text.replace(" ", "T")}+08:00`);
}

/** The first instant of a Beijing day such as "2023-11-15"; undefined when there is no such day. */
export function parseBeijingDay(day: string): number | undefined {
  const start = parseBeijingText(`${day} 00:00:00`);
  return start !== undefined && beijingDay(start) === day ? start : undefined;
}
