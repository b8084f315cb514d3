import type { Database, HotConnection } from "../database.ts";
import type { Tx } from "../transaction.ts";

/** The names of the statements that were sent, with `begin` for each transaction. */
export interface CountedDatabase {
  readonly database: Database;
  /** Those since it was last asked. */
  taken(): string[];
}

/** The same database; what goes through it is noted. */
export function countStatements(database: Database): CountedDatabase {
  let sent: string[] = [];

  function noting(tx: Tx): Tx {
    return {
      ...tx,
      rows: (statement, values) => {
        sent.push(statement.name);
        return tx.rows(statement, values);
      },
      write: (statement, values) => {
        sent.push(statement.name);
        tx.write(statement, values);
      },
    };
  }

  const counted: Database = {
    ...database,
    read: (tenantId, statement, values) => {
      sent.push(statement.name);
      return database.read(tenantId, statement, values);
    },
    transaction: (tenantId, work) => {
      sent.push("begin");
      return database.transaction(tenantId, (tx) => work(noting(tx)));
    },
    async connectHot(): Promise<HotConnection> {
      const hot = await database.connectHot();
      return {
        ...hot,
        transaction: (tenantId, work) => {
          sent.push("begin");
          return hot.transaction(tenantId, (tx) => work(noting(tx)));
        },
      };
    },
  };
  return {
    database: counted,
    taken() {
      const taken = sent;
      sent = [];
      return taken;
    },
  };
}
