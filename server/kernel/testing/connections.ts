import pg from "pg";
import { expect, onTestFinished } from "vitest";

/** A connection of the test's own, to hold locks and look at what others do. */
export async function rawConnection(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "test" });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** A transaction of the test's own that holds what `text` locks until it is released. */
export async function holdLock(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<{ client: pg.Client; release(): Promise<void> }> {
  const client = await rawConnection(url);
  onTestFinished(() => client.end());
  await client.query("begin");
  await client.query(text, [...values]);
  return { client, release: async () => void (await client.query("commit")) };
}

/**
 * Waits until `count` connections of this database wait for a lock; gives their process ids.
 * `client` must not be in a transaction: there it would always see the activity of its first look.
 */
export async function untilBlocked(client: pg.Client, count = 1): Promise<number[]> {
  const blocked = async () => {
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' order by pid`,
    );
    return rows.map(({ pid }) => pid);
  };
  await expect.poll(async () => (await blocked()).length, { timeout: 20_000 }).toBe(count);
  return blocked();
}

/** Ends a connection from the server's side, as a crash would. */
export async function killConnection(client: pg.Client, pid: number): Promise<void> {
  await client.query("select pg_terminate_backend($1)", [pid]);
}
