/**
 * Faults of the outside world, by rule. A rule looks at calls (or notices, or refunds), and strikes
 * a number of times or with a probability. Each rule draws from a stream of its own, seeded by the
 * world's seed and the rule's name, so that the n-th thing a rule looks at always meets the same
 * fate, whatever the other rules do.
 */
import { createRandomStream } from "./random.ts";
import { forgeries } from "./world.ts";
import type { ChannelCode, Forgery } from "./world.ts";

/** One name for the same thing at both channels, so that one suite certifies every channel. */
export const operations = [
  "prepay",
  "query",
  "close",
  "refund",
  "query_refund",
  "certificates",
  "statement",
  "statement_file",
  "payment_notice",
  "refund_notice",
] as const;
export type Operation = (typeof operations)[number];

const notices: readonly Operation[] = ["payment_notice", "refund_notice"];
const calls: readonly Operation[] = operations.filter((name) => !notices.includes(name));

/** What strikes, and where it can. */
export const faultKinds = {
  delay: calls, // {ms}: the call waits, then runs
  drop_request: calls, // connection reset before anything is done
  drop_reply: calls, // done, then connection reset
  error_before: calls, // {status, code}: answered without being done
  error_after: calls, // {status, code}: done, then answered as failed
  rate_limit: calls, // 429, Alipay 40005: not done
  reply_bad_signature: calls, // done, the reply's signature is wrong
  unknown_after: calls, // Alipay: done, answered 20000
  escaped_slashes: calls, // Alipay: "\/" in the reply's JSON
  notice_before_reply: ["prepay", "refund"], // paid or refunded, and told, before the reply leaves
  refund_processing: ["refund"], // {ms}: under way so long; without ms until told
  refund_abnormal: ["refund"], // {ms}: the payer's account cannot take it
  refund_closed: ["refund"], // {ms}: given up by the channel
  fund_change_n: ["refund"], // Alipay: done, the reply says fund_change N
  missing_refund_status: ["query_refund"], // Alipay: the reply leaves refund_status out
  statement_row_missing: ["statement"], // the last row is left out, the totals as if it were there
  statement_row_changed: ["statement"], // the first row's amount is one yuan more
  statement_row_extra: ["statement"], // a trade that nobody made
  statement_wrong_hash: ["statement"], // the file does not match the hash
  notice_lost: notices, // {count}: so many deliveries never arrive; the schedule goes on
  notice_late: notices, // {ms}: the first delivery waits
  notice_duplicate: notices, // {count}: so many more at the same moment
  notice_reordered: notices, // {ms}: waits for the merchant's next notice, at most so long
  notice_forged: notices, // {forgery}: a forged one comes before the true one
} as const satisfies Record<string, readonly Operation[]>;
export type FaultKind = keyof typeof faultKinds;

export interface FaultParams {
  readonly ms?: number;
  readonly status?: number;
  readonly code?: string;
  readonly count?: number;
  readonly forgery?: Forgery;
}

export interface FaultMatch {
  readonly channel?: ChannelCode;
  readonly operation?: Operation;
  readonly merchantId?: string;
  /** The merchant's number of the trade, out_trade_no. */
  readonly attemptNumber?: string;
  readonly refundNumber?: string;
}

export interface FaultRule {
  readonly match?: FaultMatch;
  readonly kind: FaultKind;
  /** How often it strikes: so many times (default once), or each time with this probability. */
  readonly times?: number;
  readonly probability?: number;
  readonly params?: FaultParams;
}

/** What is about to happen, for rules to look at. */
export interface Happening {
  readonly channel: ChannelCode;
  readonly operation: Operation;
  readonly merchantId: string;
  readonly attemptNumber: string;
  readonly refundNumber: string;
}

/** The faults that strike one happening. */
export type Strikes = ReadonlyMap<FaultKind, FaultParams>;

export interface RuleView extends FaultRule {
  readonly id: string;
  readonly lookedAt: number;
  readonly struck: number;
}

export interface Faults {
  add(rule: FaultRule): RuleView | { readonly refused: string };
  /** Replaces all rules by those of the profile (the hostile one by default) under this seed. */
  seed(seed: string, profile?: FaultProfile): readonly RuleView[] | { readonly refused: string };
  list(): readonly RuleView[];
  remove(id: string): boolean;
  clear(): void;
  strikes(happening: Happening): Strikes;
}

export interface FaultProfile {
  readonly channel?: ChannelCode;
  readonly probabilities: { readonly [Kind in FaultKind]?: number };
}

/** Weather as bad as a real provider's worst day: about one call in five meets something. */
export const hostileProfile: FaultProfile = {
  probabilities: {
    delay: 0.05,
    drop_request: 0.03,
    drop_reply: 0.05,
    error_before: 0.02,
    error_after: 0.02,
    rate_limit: 0.02,
    reply_bad_signature: 0.01,
    notice_before_reply: 0.05,
    refund_processing: 0.1,
    notice_lost: 0.1,
    notice_late: 0.1,
    notice_duplicate: 0.1,
    notice_reordered: 0.05,
    notice_forged: 0.1,
  },
};

/** Looking at all rules is part of every call: a bound on scripts gone wild. */
const rulesMax = 500;

interface HeldRule {
  readonly id: string;
  readonly rule: FaultRule;
  readonly draw: () => number;
  lookedAt: number;
  struck: number;
}

export function createFaults(initialSeed: string): Faults {
  const held = new Map<string, HeldRule>();
  let seed = initialSeed;
  let addedCount = 0;

  function add(rule: FaultRule): RuleView | { refused: string } {
    const refused = whyImpossible(rule);
    if (refused !== undefined) return { refused };
    if (held.size >= rulesMax) return { refused: `at most ${rulesMax} rules; remove some` };
    addedCount += 1;
    const id = `f${addedCount}`;
    const entry = {
      id,
      rule,
      draw: createRandomStream(`${seed}/${id}/${rule.kind}`),
      lookedAt: 0,
      struck: 0,
    };
    held.set(id, entry);
    return view(entry);
  }

  return {
    add,
    seed(value, profile = hostileProfile) {
      seed = value;
      addedCount = 0;
      held.clear();
      const added: RuleView[] = [];
      for (const [kind, probability] of Object.entries(profile.probabilities)) {
        if (!isFaultKind(kind)) return { refused: `unknown kind ${kind}` };
        const match = profile.channel === undefined ? {} : { channel: profile.channel };
        const rule = add({ kind, probability, match, params: usualParams[kind] ?? {} });
        if ("refused" in rule) return rule;
        added.push(rule);
      }
      return added;
    },
    list: () => [...held.values()].map(view),
    remove: (id) => held.delete(id),
    clear: () => held.clear(),
    strikes(happening) {
      const strikes = new Map<FaultKind, FaultParams>();
      for (const entry of held.values()) {
        if (!matches(entry.rule, happening) || !strikesNow(entry)) continue;
        entry.struck += 1;
        strikes.set(entry.rule.kind, paramsOf(entry));
      }
      return strikes;
    },
  };
}

/** With a seed alone nobody gives parameters: these make each kind bite and then pass. */
const usualParams: { readonly [Kind in FaultKind]?: FaultParams } = {
  delay: { ms: 1_500 },
  refund_processing: { ms: 10_000 },
  notice_late: { ms: 20_000 },
  notice_reordered: { ms: 20_000 },
};

export function isFaultKind(text: string): text is FaultKind {
  return Object.hasOwn(faultKinds, text);
}

function whyImpossible(rule: FaultRule): string | undefined {
  const where: readonly Operation[] = faultKinds[rule.kind];
  const operation = rule.match?.operation;
  if (operation !== undefined && !where.includes(operation))
    return `${rule.kind} strikes ${where.join(", ")}, not ${operation}`;
  if (rule.times !== undefined && rule.probability !== undefined)
    return "give times or probability, not both";
  return undefined;
}

function matches(rule: FaultRule, happening: Happening): boolean {
  const where: readonly Operation[] = faultKinds[rule.kind];
  if (!where.includes(happening.operation)) return false;
  const { channel, operation, merchantId, attemptNumber, refundNumber } = rule.match ?? {};
  return (
    (channel === undefined || channel === happening.channel) &&
    (operation === undefined || operation === happening.operation) &&
    (merchantId === undefined || merchantId === happening.merchantId) &&
    (attemptNumber === undefined || attemptNumber === happening.attemptNumber) &&
    (refundNumber === undefined || refundNumber === happening.refundNumber)
  );
}

function strikesNow(entry: HeldRule): boolean {
  entry.lookedAt += 1;
  const { probability, times = 1 } = entry.rule;
  return probability === undefined ? entry.struck < times : entry.draw() < probability;
}

/** A rule that does not say how to forge takes another way each time. */
function paramsOf(entry: HeldRule): FaultParams {
  const { kind, params = {} } = entry.rule;
  if (kind !== "notice_forged" || params.forgery !== undefined) return params;
  const forgery = forgeries[Math.floor(entry.draw() * forgeries.length)] ?? "bad_signature";
  return { ...params, forgery };
}

function view(entry: HeldRule): RuleView {
  return { ...entry.rule, id: entry.id, lookedAt: entry.lookedAt, struck: entry.struck };
}
