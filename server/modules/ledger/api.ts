import Type from "typebox";
import { principalOf } from "../../kernel/access.ts";
import type { App } from "../../kernel/app.ts";
import { minorToNumber } from "../../kernel/money.ts";
import { encodeCursor, pageOf, pageQuery, readPage, toPage } from "../../kernel/page.ts";
import { isRefusal, RefusedError } from "../../kernel/refusal.ts";
import { time } from "../../kernel/shapes.ts";
import { formatInstant, parseInstant } from "../../kernel/time.ts";
import { invalidRequest } from "../../kernel/validation.ts";
import type { AccountId } from "./domain.ts";
import type { Ledger, StatementCursor, StatementEntry } from "./operations.ts";
import { stretchDaysMax } from "./operations.ts";
import type { BalanceDifference, TrialBalanceRow } from "./store/audit.ts";
import type { AccountRecord, Balance, Position, TransferRecord } from "./store/reads.ts";

export function ledgerRoutes(app: App, ledger: Ledger): void {
  accountRoutes(app, ledger);
  statementRoute(app, ledger);
  transferRoute(app, ledger);
  proofRoutes(app, ledger);
}

const tags = ["Ledger"];
const reading = { config: { scope: "ledger:read" } } as const;

const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
const uuid = Type.String({ pattern: uuidPattern, "x-allowed": "a UUID in lower case" });
const amount = Type.Integer({ description: "Whole units of the asset: fen, pieces, points." });
const asset = Type.String({ maxLength: 100, examples: ["CNY"] });
const code = Type.String({ maxLength: 200, examples: ["payment.captured"] });
const phase = Type.Enum(["posted", "pending", "post", "release"]);

const balance = Type.Object(
  { posted: amount, pendingDebits: amount, pendingCredits: amount, available: amount },
  {
    title: "LedgerBalance",
    description: "Credits less debits. available = posted - pendingDebits: what holds leave over.",
  },
);

const account = Type.Object(
  {
    id: uuid,
    code,
    asset,
    guarded: Type.Boolean({ description: "Never goes below zero, counting what is held." }),
    indexed: Type.Boolean({
      description: `If false, statements cover at most ${stretchDaysMax} days at once.`,
    }),
    openedAt: time,
    balance,
  },
  { title: "LedgerAccount" },
);

const side = Type.Object({ id: uuid, code }, { title: "LedgerAccountName" });
const bundleFields = {
  at: time,
  bundleId: uuid,
  leg: Type.Integer({ minimum: 1 }),
  phase,
  reference: uuid,
  reason: Type.String({ examples: ["order placed"] }),
  reversesBundleId: Type.Optional(uuid),
};

const transfer = Type.Object(
  {
    ...bundleFields,
    resolvesLeg: Type.Optional(
      Type.Integer({ description: "The pending leg that this one posts or releases." }),
    ),
    asset,
    debit: side,
    credit: side,
    amount,
  },
  { title: "LedgerTransfer", description: "Moved from the debit to the credit account." },
);

const entry = Type.Object(
  {
    ...bundleFields,
    amount: Type.Integer({ description: "Above zero: into the account." }),
    other: side,
    balance: Type.Union([amount, Type.Null()], {
      description:
        "Posted, after this entry. Null where too much has happened since: the balance at a time tells.",
    }),
  },
  {
    title: "LedgerStatementEntry",
    description: "Only the phases `posted` and `post` change the balance.",
  },
);

const accountParams = Type.Object({ accountId: uuid });

function accountRoutes(app: App, ledger: Ledger): void {
  app.get(
    "/v1/ledger/accounts",
    {
      ...reading,
      schema: {
        operationId: "listLedgerAccounts",
        summary: "Accounts by code",
        tags,
        querystring: Type.Object({
          prefix: Type.Optional(
            Type.String({ maxLength: 200, description: "How the code begins: `stock.on_hand.`" }),
          ),
          asset: Type.Optional(asset),
          ...pageQuery,
        }),
        response: { 200: pageOf(account) },
      },
    },
    async (request) => {
      const { tenantId } = principalOf(request);
      const { prefix = "", asset: wanted } = request.query;
      const page = readPage<[string]>(request.query, ["string"]);
      const afterCode = page.after?.[0];
      const limit = page.rowsMax;
      const rows = await ledger.listAccounts(tenantId, { prefix, asset: wanted, afterCode, limit });
      return toPage(rows, page, { key: (row) => [row.code], view: accountView });
    },
  );

  app.get(
    "/v1/ledger/accounts/:accountId",
    {
      ...reading,
      schema: {
        operationId: "getLedgerAccount",
        summary: "An account with its balance",
        tags,
        params: accountParams,
        response: { 200: account },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const found = await ledger.readAccount(tenantId, checkedId(request.params.accountId));
      return isRefusal(found) ? reply.refuse(found) : accountView(found);
    },
  );

  app.get(
    "/v1/ledger/accounts/:accountId/balance",
    {
      ...reading,
      schema: {
        operationId: "getLedgerBalanceAt",
        summary: "What an account held at a past time",
        tags,
        params: accountParams,
        querystring: Type.Object({ at: time }),
        response: { 200: balance },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const accountId = checkedId(request.params.accountId);
      const at = readTime("at", request.query.at);
      const found = await ledger.readBalance(tenantId, { accountId, at });
      return isRefusal(found) ? reply.refuse(found) : balanceView(found);
    },
  );
}

function statementRoute(app: App, ledger: Ledger): void {
  app.get(
    "/v1/ledger/accounts/:accountId/statement",
    {
      ...reading,
      schema: {
        operationId: "getLedgerStatement",
        summary: "What went in and out of an account, newest first, with the running balance",
        description: `From \`from\` up to but without \`to\`. Accounts that are not indexed show the
last day unless told otherwise, and at most ${stretchDaysMax} days at once; where others move far
more often, a page may hold fewer entries than its limit, or none: it goes on while there is a nextCursor.`,
        tags,
        params: accountParams,
        querystring: Type.Object({
          from: Type.Optional(time),
          to: Type.Optional(time),
          ...pageQuery,
        }),
        response: { 200: pageOf(entry) },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const { from, to } = request.query;
      const { accountId } = request.params;
      // The balance that comes along is this account's; under another it would be a wrong number.
      const isOurs = (key: StatementKey) => isStatementKey(key) && key[4] === accountId;
      const page = readPage<StatementKey>(request.query, statementKinds, isOurs);
      const found = await ledger.readStatement(tenantId, {
        accountId: checkedId(accountId),
        from: from === undefined ? undefined : readTime("from", from),
        to: to === undefined ? undefined : readTime("to", to),
        cursor: page.after === undefined ? undefined : cursorOf(page.after),
        limit: page.limit,
      });
      if (isRefusal(found)) return reply.refuse(found);
      const items = found.entries.map(entryView);
      if (found.next === undefined) return { items };
      return { items, nextCursor: encodeCursor(keyOf(found.next, accountId)) };
    },
  );
}

/** Time, bundle, leg; the balance before them, which is empty when it is not known; the account. */
type StatementKey = [number, string, number, string, string];
const statementKinds = ["number", "string", "number", "string", "string"] as const;

function isStatementKey([at, bundleId, leg, posted]: StatementKey): boolean {
  // What is no exact number in JSON was never shown.
  const isBalance = /^(-?\d{1,16})?$/.test(posted) && Number.isSafeInteger(Number(posted));
  return isPositionKey([at, bundleId, leg]) && isBalance;
}

function cursorOf([at, bundleId, leg, posted]: StatementKey): StatementCursor {
  return { before: { at, bundleId, leg }, balance: posted === "" ? undefined : BigInt(posted) };
}

function keyOf({ before, balance: posted }: StatementCursor, accountId: string): StatementKey {
  const { at, bundleId, leg } = before;
  return [at, bundleId, leg, posted === undefined ? "" : String(posted), accountId];
}

type PositionKey = [number, string, number];

/** The last millisecond of the year 9999, which is also the last that RFC 3339 can write. */
const timeMax = Date.UTC(10_000, 0, 1) - 1;
const legMax = 32_767;
const uuidShape = new RegExp(uuidPattern);

function isPositionKey([at, bundleId, leg]: PositionKey): boolean {
  const isTime = Number.isInteger(at) && at >= 0 && at <= timeMax;
  const isLeg = Number.isInteger(leg) && leg >= 0 && leg <= legMax;
  return isTime && isLeg && uuidShape.test(bundleId);
}

function transferRoute(app: App, ledger: Ledger): void {
  app.get(
    "/v1/ledger/transfers",
    {
      ...reading,
      schema: {
        operationId: "listLedgerTransfers",
        summary: "Everything that was moved for one order, payment or refund, oldest first",
        tags,
        querystring: Type.Object({ reference: uuid, ...pageQuery }),
        response: { 200: pageOf(transfer) },
      },
    },
    async (request) => {
      const { tenantId } = principalOf(request);
      const kinds = ["number", "string", "number"] as const;
      const page = readPage<PositionKey>(request.query, kinds, isPositionKey);
      const rows = await ledger.listTransfers(tenantId, {
        reference: request.query.reference,
        after: page.after === undefined ? undefined : positionOf(page.after),
        limit: page.rowsMax,
      });
      return toPage(rows, page, {
        key: ({ position: { at, bundleId, leg } }) => [at, bundleId, leg],
        view: transferView,
      });
    },
  );
}

function positionOf([at, bundleId, leg]: PositionKey): Position {
  return { at, bundleId, leg };
}

const trialBalance = Type.Object(
  {
    asset,
    accounts: Type.Integer(),
    posted: Type.Integer({ description: "Zero: what one account gave, another has." }),
    pendingDebits: amount,
    pendingCredits: amount,
    balanced: Type.Boolean(),
  },
  { title: "LedgerTrialBalance" },
);

const amounts = Type.Object({ posted: amount, pendingDebits: amount, pendingCredits: amount });
const audit = Type.Object(
  {
    sound: Type.Boolean({ description: "The lists below are empty." }),
    accounts: Type.Integer(),
    transfers: Type.Integer(),
    unbalancedAssets: Type.Array(trialBalance),
    differences: Type.Array(
      Type.Object({
        accountId: uuid,
        code: Type.Union([code, Type.Null()], { description: "Null: there is no such account." }),
        kept: amounts,
        rebuilt: amounts,
      }),
      { description: "Accounts whose balance is not what their transfers add up to." },
    ),
    wrongEndings: Type.Array(
      Type.Object({ bundleId: uuid, leg: Type.Integer(), held: amount, resolved: amount }),
      { description: "Holds of which more was posted and released than was held." },
    ),
  },
  { title: "LedgerAudit" },
);

function proofRoutes(app: App, ledger: Ledger): void {
  app.get(
    "/v1/ledger/trial-balance",
    {
      ...reading,
      schema: {
        operationId: "getTrialBalance",
        summary: "The sums of each asset",
        tags,
        querystring: Type.Object(pageQuery),
        response: { 200: pageOf(trialBalance) },
      },
    },
    async (request) => {
      const { tenantId } = principalOf(request);
      const page = readPage<[string]>(request.query, ["string"]);
      const wanted = { afterAsset: page.after?.[0], limit: page.rowsMax };
      const rows = await ledger.readTrialBalance(tenantId, wanted);
      return toPage(rows, page, { key: (row) => [row.asset], view: trialBalanceView });
    },
  );

  app.get(
    "/v1/ledger/audit",
    {
      ...reading,
      schema: {
        operationId: "auditLedger",
        summary: "Add up all transfers anew and compare",
        description: "Reads the whole ledger of the tenant: for after hours.",
        tags,
        response: { 200: audit },
      },
    },
    async (request) => {
      const found = await ledger.audit(principalOf(request).tenantId);
      return {
        sound: found.sound,
        accounts: Number(found.accounts),
        transfers: Number(found.transfers),
        unbalancedAssets: found.unbalancedAssets.map(trialBalanceView),
        differences: found.differences.map(differenceView),
        wrongEndings: found.wrongEndings.map(({ bundleId, leg, held, resolved }) => ({
          bundleId,
          leg,
          held: minorToNumber(held),
          resolved: minorToNumber(resolved),
        })),
      };
    },
  );
}

/** The pattern of the route has checked it. */
function checkedId(text: string): AccountId {
  return text as AccountId;
}

function readTime(field: string, text: string): number {
  const parsed = parseInstant(text);
  if (parsed !== undefined && parsed >= 0) return parsed;
  const problem = "is not a time";
  const allowed = "RFC 3339, such as 2025-11-21T03:42:00Z";
  throw new RefusedError(invalidRequest([{ field, problem, allowed }], "querystring"));
}

function accountView(record: AccountRecord) {
  return {
    id: record.id,
    code: record.code,
    asset: record.asset,
    guarded: record.guarded,
    indexed: record.indexed,
    openedAt: formatInstant(record.openedAt),
    balance: balanceView(record.balance),
  };
}

function balanceView(held: Balance) {
  return { ...amountsView(held), available: minorToNumber(held.posted - held.pendingDebits) };
}

function amountsView({ posted, pendingDebits, pendingCredits }: Balance) {
  return {
    posted: minorToNumber(posted),
    pendingDebits: minorToNumber(pendingDebits),
    pendingCredits: minorToNumber(pendingCredits),
  };
}

function entryView(line: StatementEntry) {
  return {
    ...bundleView(line),
    amount: minorToNumber(line.amount),
    other: line.other,
    balance: line.balance === undefined ? null : minorToNumber(line.balance),
  };
}

function transferView(record: TransferRecord) {
  const { resolvesLeg } = record;
  return {
    ...bundleView(record),
    ...(resolvesLeg === undefined ? {} : { resolvesLeg }),
    asset: record.asset,
    debit: record.debit,
    credit: record.credit,
    amount: minorToNumber(record.amount),
  };
}

function bundleView(record: StatementEntry | TransferRecord) {
  const { position, reversesBundleId } = record;
  return {
    at: formatInstant(position.at),
    bundleId: position.bundleId,
    leg: position.leg,
    phase: record.phase,
    reference: record.reference,
    reason: record.reason,
    ...(reversesBundleId === undefined ? {} : { reversesBundleId }),
  };
}

function trialBalanceView(row: TrialBalanceRow) {
  return {
    asset: row.asset,
    accounts: row.accounts,
    ...amountsView(row),
    balanced: row.posted === 0n && row.pendingDebits === row.pendingCredits,
  };
}

function differenceView({ accountId, code: name, kept, rebuilt }: BalanceDifference) {
  return {
    accountId,
    code: name ?? null,
    kept: amountsView(kept),
    rebuilt: amountsView(rebuilt),
  };
}
