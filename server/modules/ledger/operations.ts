import type { Database } from "../../kernel/database.ts";
import type { Refusal } from "../../kernel/refusal.ts";
import type { Clock } from "../../kernel/time.ts";
import { dayMs } from "../../kernel/time.ts";
import { refuse } from "../../refusals.ts";
import type { AccountId, Phase } from "./domain.ts";
import type { BalanceDifference, TrialBalanceRow, WrongEnding } from "./store/audit.ts";
import {
  countLedger,
  selectBalanceDifferences,
  selectTrialBalancePage,
  selectWrongHoldEndings,
} from "./store/audit.ts";
import type { AccountRecord, Balance, Position, TransferRecord } from "./store/reads.ts";
import {
  hasMoreEntriesSince,
  positionAt,
  selectAccountById,
  selectAccountsPage,
  selectBalanceAt,
  selectBalancesOf,
  selectEntries,
  selectPrefixesWithAvailable,
  selectTransfersOf,
} from "./store/reads.ts";
import { selectStretch } from "./store/stretches.ts";

/** One line of an account's statement. */
export interface StatementEntry {
  readonly position: Position;
  readonly phase: Phase;
  /** Above zero: into the account. Only `posted` and `post` change the balance. */
  readonly amount: bigint;
  readonly other: { readonly id: AccountId; readonly code: string };
  readonly reference: string;
  readonly reason: string;
  readonly reversesBundleId: string | undefined;
  /** Posted, after this entry; undefined where too much has happened since to add it up. */
  readonly balance: bigint | undefined;
}

/** Where the next page begins: before this entry, with this balance. */
export interface StatementCursor {
  readonly before: Position;
  readonly balance: bigint | undefined;
}

export interface StatementPage {
  readonly account: AccountRecord;
  readonly entries: StatementEntry[];
  readonly next: StatementCursor | undefined;
}

export interface LedgerAudit {
  /** Nothing below was found. */
  readonly sound: boolean;
  readonly accounts: bigint;
  readonly transfers: bigint;
  readonly unbalancedAssets: readonly TrialBalanceRow[];
  readonly differences: readonly BalanceDifference[];
  readonly wrongEndings: readonly WrongEnding[];
}

/** How much a page of a statement reads at most, and how much the balance that it begins with. */
export interface StatementBounds {
  /** Without an index: of everybody's movements; whole ranges of the index come on top. */
  readonly stretchRows: number;
  /** With an index: of the account's own entries since. */
  readonly entriesSinceMax: number;
}

/** Without an index a question reads all movements of its time, whoever's they are. */
export const stretchDaysMax = 31;
const stretchMsMax = stretchDaysMax * dayMs;
/** How far back a statement without an index goes when it isn't told. */
const stretchMsDefault = dayMs;
/**
 * 4,000 are 7,000 to 13,000 rows with whole ranges around them, some of which nobody has summarized
 * yet (measured among 35 million). A page of twenty is full where one of 200 movements is of the
 * account; of a rarer one it is shorter, and tells where it goes on. With an index an entry is a
 * page of the table at worst; to know that there are more than 1,000 takes 16 of the index.
 */
const statementBounds: StatementBounds = { stretchRows: 4_000, entriesSinceMax: 1_000 };
/** Enough to see what went wrong; who has more has one cause for all of them. */
const findingsMax = 100;
/** The last day that RFC 3339 can write. */
const endOfTime = Date.UTC(9999, 11, 31);

export type Ledger = ReturnType<typeof createLedger>;

/** What people may read of the ledger. It is written by modules only, in their transactions. */
export function createLedger(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly bounds?: StatementBounds;
}) {
  const { database, clock, bounds = statementBounds } = deps;
  return {
    /** Accounts in the order of their codes. */
    listAccounts(
      tenantId: string,
      wanted: {
        readonly prefix: string;
        readonly asset: string | undefined;
        readonly afterCode: string | undefined;
        readonly limit: number;
      },
    ): Promise<AccountRecord[]> {
      return selectAccountsPage(database, tenantId, wanted);
    },

    async readAccount(tenantId: string, id: AccountId): Promise<AccountRecord | Refusal> {
      const account = await selectAccountById(database, tenantId, id);
      return account ?? refuse("not_found", { what: "account" });
    },

    /** For other modules' views, such as the stock of a SKU. */
    readBalances(tenantId: string, ids: readonly AccountId[]): Promise<Map<AccountId, Balance>> {
      return selectBalancesOf(database, tenantId, ids);
    },

    /**
     * For other modules that ask whether all of it is gone: those of the prefixes with an account
     * below them from which something may still be taken.
     */
    prefixesWithAvailable(tenantId: string, prefixes: readonly string[]): Promise<Set<string>> {
      return selectPrefixesWithAvailable(database, tenantId, prefixes);
    },

    /** Everything that was moved for one business row, oldest first. */
    listTransfers(
      tenantId: string,
      wanted: {
        readonly reference: string;
        readonly after: Position | undefined;
        readonly limit: number;
      },
    ): Promise<TransferRecord[]> {
      return selectTransfersOf(database, tenantId, wanted);
    },

    /** Newest first, from `from` up to but without `to`. Refusals: not_found, stretch_too_long. */
    async readStatement(tenantId: string, wanted: StatementQuestion) {
      const account = await selectAccountById(database, tenantId, wanted.accountId);
      if (account === undefined) return refuse("not_found", { what: "account" });
      const now = clock.now();
      const from = wanted.from ?? (account.indexed ? 0 : (wanted.to ?? now) - stretchMsDefault);
      if (!account.indexed && (wanted.to ?? now) - from > stretchMsMax) return tooLong;
      return readPage(database, tenantId, { ...wanted, account, from, now, bounds });
    },

    /** What an account held at the end of a millisecond. Refusals as above. */
    async readBalance(
      tenantId: string,
      wanted: { readonly accountId: AccountId; readonly at: number },
    ): Promise<Balance | Refusal> {
      const account = await selectAccountById(database, tenantId, wanted.accountId);
      if (account === undefined) return refuse("not_found", { what: "account" });
      if (!account.indexed && clock.now() - wanted.at > stretchMsMax) return tooLong;
      return selectBalanceAt(database, tenantId, { account, at: wanted.at });
    },

    /** Sums by asset, in the order of their names. */
    readTrialBalance(
      tenantId: string,
      wanted: { readonly afterAsset: string | undefined; readonly limit: number },
    ): Promise<TrialBalanceRow[]> {
      return selectTrialBalancePage(database, tenantId, { ...wanted, unbalancedOnly: false });
    },

    /**
     * Adds up all transfers anew and tells where the kept balances differ, and which holds ended
     * in more than was held. Whether a hold's business row still wants it, that row's module knows.
     */
    audit: inTurn((tenantId) => audit(database, tenantId)),
  };
}

async function audit(database: Database, tenantId: string): Promise<LedgerAudit> {
  const [counts, unbalancedAssets, differences, wrongEndings] = await Promise.all([
    countLedger(database, tenantId),
    selectTrialBalancePage(database, tenantId, {
      afterAsset: undefined,
      unbalancedOnly: true,
      limit: findingsMax,
    }),
    selectBalanceDifferences(database, tenantId, findingsMax),
    selectWrongHoldEndings(database, tenantId, findingsMax),
  ]);
  const found = unbalancedAssets.length + differences.length + wrongEndings.length;
  return { sound: found === 0, ...counts, unbalancedAssets, differences, wrongEndings };
}

/**
 * Work that reads all of a tenant's books, once at a time: a few at once would take every
 * connection from those who read a line. Who asks meanwhile shares the next, so that nobody is told
 * of a state before the question.
 */
function inTurn<Result>(work: (tenantId: string) => Promise<Result>) {
  const running = new Map<string, Promise<Result>>();
  const next = new Map<string, Promise<Result>>();

  function start(tenantId: string): Promise<Result> {
    next.delete(tenantId);
    const result = work(tenantId).finally(() => running.delete(tenantId));
    running.set(tenantId, result);
    return result;
  }

  return function ask(tenantId: string): Promise<Result> {
    const waiting = next.get(tenantId);
    if (waiting !== undefined) return waiting;
    const current = running.get(tenantId);
    if (current === undefined) return start(tenantId);
    const result = current.catch(() => undefined).then(() => start(tenantId));
    next.set(tenantId, result);
    return result;
  };
}

const tooLong = refuse("stretch_too_long", { daysMax: stretchDaysMax });

export interface StatementQuestion {
  readonly accountId: AccountId;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly cursor: StatementCursor | undefined;
  readonly limit: number;
}

async function readPage(
  database: Database,
  tenantId: string,
  wanted: StatementQuestion & {
    readonly account: AccountRecord;
    readonly from: number;
    readonly now: number;
    readonly bounds: StatementBounds;
  },
): Promise<StatementPage> {
  const { account, cursor, limit, from, bounds } = wanted;
  const before = cursor?.before ?? positionAt(wanted.to ?? endOfTime);
  // One more than asked for tells whether there is a next page.
  const page = { account, from, before, limit: limit + 1, bounds };
  const { entries, postedNow, start } = await readEntries(database, tenantId, page);
  let balance = cursor === undefined ? postedNow : cursor.balance;
  if (cursor === undefined && wanted.to !== undefined && wanted.to <= wanted.now) {
    balance = await balanceBefore(database, tenantId, { ...wanted, to: wanted.to });
  }
  const shown = entries.slice(0, limit).map((transfer) => {
    const entry = entryOf(account, transfer, balance);
    if (balance !== undefined && changesBalance(transfer)) balance -= entry.amount;
    return entry;
  });
  const last = shown.at(-1);
  const hasMore = entries.length > limit && last !== undefined;
  if (hasMore) return { account, entries: shown, next: { before: last.position, balance } };
  const next = start > from ? { before: positionAt(start), balance } : undefined;
  return { account, entries: shown, next };
}

/**
 * Without an index all movements of a stretch of time are read, whoever's they are. `start` is how
 * far back everything has been seen.
 */
async function readEntries(
  database: Database,
  tenantId: string,
  page: {
    readonly account: AccountRecord;
    readonly from: number;
    readonly before: Position;
    readonly limit: number;
    readonly bounds: StatementBounds;
  },
) {
  const { account, from, before, bounds } = page;
  if (account.indexed) return { ...(await selectEntries(database, tenantId, page)), start: from };
  const stretch = { from, to: before.at, rows: bounds.stretchRows };
  const start = await selectStretch(database, tenantId, stretch);
  const isStretch = start > from;
  return {
    ...(await selectEntries(database, tenantId, { ...page, from: start, isStretch })),
    start,
  };
}

async function balanceBefore(
  database: Database,
  tenantId: string,
  wanted: {
    readonly account: AccountRecord;
    readonly to: number;
    readonly now: number;
    readonly bounds: StatementBounds;
  },
): Promise<bigint | undefined> {
  const { account, to, bounds } = wanted;
  const at = to - 1;
  if (account.indexed) {
    const bound = { account, at, entriesMax: bounds.entriesSinceMax };
    if (await hasMoreEntriesSince(database, tenantId, bound)) return undefined;
  } else {
    if (wanted.now - to > stretchMsMax) return undefined;
    const since = { from: to, to: endOfTime, rows: bounds.stretchRows };
    if ((await selectStretch(database, tenantId, since)) > to) return undefined;
  }
  const held = await selectBalanceAt(database, tenantId, { account, at });
  return held.posted;
}

function entryOf(
  account: AccountRecord,
  transfer: TransferRecord,
  balance: bigint | undefined,
): StatementEntry {
  const isCredit = transfer.credit.id === account.id;
  return {
    position: transfer.position,
    phase: transfer.phase,
    amount: isCredit ? transfer.amount : -transfer.amount,
    other: isCredit ? transfer.debit : transfer.credit,
    reference: transfer.reference,
    reason: transfer.reason,
    reversesBundleId: transfer.reversesBundleId,
    balance,
  };
}

function changesBalance({ phase }: TransferRecord): boolean {
  return phase === "posted" || phase === "post";
}
