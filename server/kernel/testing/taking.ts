/** A small operation over tables of its own, for tests of everything around operations. */
import { assert } from "../assert.ts";
import { statement } from "../database.ts";
import type { Answer, KeyedOperation } from "../operation.ts";
import type { Refusal } from "../refusal.ts";
import { isRefusal } from "../refusal.ts";

export const takingTables = `create schema probe;
  create table probe.counters (tenant_id uuid, name text, value bigint not null check (value >= 0),
                               primary key (tenant_id, name));
  create table probe.entries (tenant_id uuid, id uuid, amount bigint not null,
                              primary key (tenant_id, id))`;

export const lockCounter = statement(
  "probe.lock",
  "select value from probe.counters where tenant_id = $1 and name = 'left' for update",
);
const saveCounter = statement(
  "probe.save",
  "update probe.counters set value = $2 where tenant_id = $1 and name = 'left'",
);
export const insertEntries = statement(
  "probe.insert",
  `insert into probe.entries (tenant_id, id, amount)
   select $1, e.id, e.amount from unnest($2::uuid[], $3::bigint[]) as e (id, amount)`,
);

export interface Take {
  readonly id: string;
  readonly amount: bigint;
}

export interface World {
  left: bigint;
  readonly taken: Take[];
}

export type Taken =
  | { readonly kind: "taken"; readonly id: string; readonly left: bigint }
  | Refusal;

const noneLeft: Refusal = { kind: "refused", code: "none_left", facts: {} };

/** Takes from a counter; asks for 13 are bugs, asks for 14 fail in the database. */
export const take: KeyedOperation<Take, World, Taken> = {
  name: "probe.take",
  batchMax: 64,
  load: async (tx) => {
    const [row] = await tx.rows<{ value: bigint }>(lockCounter, [tx.tenantId]);
    return { left: row?.value ?? 0n, taken: [] };
  },
  decide: (world, command) => {
    assert(command.amount !== 13n, "thirteen is a bug");
    if (world.left < command.amount) return noneLeft;
    world.left -= command.amount;
    world.taken.push(command);
    return { kind: "taken", id: command.id, left: world.left };
  },
  save: (tx, world) => {
    const isBad = world.taken.some(({ amount }) => amount === 14n);
    tx.write(saveCounter, [tx.tenantId, isBad ? -1n : world.left]);
    tx.write(insertEntries, [
      tx.tenantId,
      world.taken.map(({ id }) => id),
      world.taken.map(({ amount }) => amount),
    ]);
  },
  answer: (outcome): Answer | Refusal => {
    if (isRefusal(outcome)) return outcome;
    const body = JSON.stringify({ id: outcome.id, left: Number(outcome.left) });
    return { kind: "answered", status: 201, body };
  },
};
