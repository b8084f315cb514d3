import { assert } from "./assert.ts";

/** Minor units (fen for CNY) and the ISO 4217 code. Never a floating number inside. */
export interface Money {
  readonly amountMinor: bigint;
  readonly currency: Currency;
}

export type Currency = "CNY";
export const currencies: readonly Currency[] = ["CNY"];

/** Integers that leave as JSON numbers stay below 2^53; 90 trillion yuan is bound enough. */
export const amountMinorMax = BigInt(Number.MAX_SAFE_INTEGER);

export interface MoneyView {
  amount: number;
  currency: Currency;
}

export function money(amountMinor: bigint, currency: Currency): Money {
  return { amountMinor, currency };
}

export function moneyView(value: Money): MoneyView {
  return { amount: minorToNumber(value.amountMinor), currency: value.currency };
}

export function minorToNumber(amountMinor: bigint): number {
  assert(
    amountMinor <= amountMinorMax && amountMinor >= -amountMinorMax,
    "an amount exceeds 2^53 - 1 minor units",
  );
  return Number(amountMinor);
}

/** 1999n -> "19.99". Channels that speak yuan (Alipay) take exactly two decimals. */
export function minorToDecimal(amountMinor: bigint): string {
  const sign = amountMinor < 0n ? "-" : "";
  const digits = (amountMinor < 0n ? -amountMinor : amountMinor).toString().padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** "19.9" -> 1990n; undefined for anything that is not a plain decimal with at most two places. */
export function decimalToMinor(text: string): bigint | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = ""] = match;
  const minor = BigInt(`${whole}${fraction.padEnd(2, "0")}`);
  return sign === "-" ? -minor : minor;
}

/**
 * Shares `total` by `weights` so that the parts add up to `total` exactly: each part is rounded
 * down and the left-over units go to the largest remainders, the earlier part first.
 *
 * @public
 */
export function apportion(total: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((left, right) => left + right, 0n);
  assert(
    total >= 0n && sum > 0n && weights.every((weight) => weight >= 0n),
    "apportion takes weights above zero",
  );
  const parts = weights.map((weight) => (total * weight) / sum);
  const left = Number(total - parts.reduce((sumSoFar, part) => sumSoFar + part, 0n));
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (total * weight) % sum }))
    .toSorted((a, b) =>
      a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1,
    );
  for (const { index } of byRemainder.slice(0, left)) parts[index] = (parts[index] ?? 0n) + 1n;
  return parts;
}
