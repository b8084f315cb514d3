/** 1999 -> "19.99": what Alipay and the statements of both channels write. */
export function fenToYuan(fen: number): string {
  const sign = fen < 0 ? "-" : "";
  const digits = Math.abs(fen).toString().padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** "19.9" -> 1990; undefined for anything but a plain decimal above zero, two places at most. */
export function yuanToFen(text: string): number | undefined {
  // Nine digits are Alipay's bound: 0.01 to 100,000,000 yuan.
  const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const fen = Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
  return fen > 0 ? fen : undefined;
}

/** What both channels take of most merchants; the fee goes back with what is refunded. */
export const feeRatePercent = 0.6;
export const feeOf = (minor: number): number => Math.round((minor * feeRatePercent) / 100);
