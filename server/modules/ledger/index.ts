// The ledger: double entry for everything that can run out (money, stock, quotas). Other modules
// load accounts under lock, decide on the world with the functions below, and save, all in their
// own transaction; nobody else writes accounts or transfers.
export type { Account, AccountId, AccountSpec, Bundle, Leg, LedgerWorld } from "./domain.ts";
export {
  accountIdOf,
  available,
  canMove,
  firstShortLeg,
  hasBundle,
  hold,
  move,
  openAccount,
  openLegs,
  post,
  postedLegs,
  release,
} from "./domain.ts";
export { loadLedger, openAccounts, saveLedger } from "./store/world.ts";
export type { Ledger, LedgerAudit } from "./operations.ts";
export { createLedger } from "./operations.ts";
