/**
 * A sale with a waiting room, and processes that share it over one PostgreSQL. Rounds of admission
 * happen, and time passes, when a test says so.
 */
import { required } from "../../../../kernel/assert.ts";
import { testDatabase } from "../../../../kernel/testing/database.ts";
import { openEvents } from "../../../../kernel/testing/events.ts";
import { createManualClock, formatInstant } from "../../../../kernel/time.ts";
import { startTestPlatform } from "../../../../testing/platform.ts";
import type { TestPlatform } from "../../../../testing/platform.ts";
import { issueTestToken } from "../../../../testing/tokens.ts";
import type { TicketView } from "../../domain/standings.ts";
import type { SaleId } from "../../domain/types.ts";
import type { TicketRulesView } from "../../domain/views.ts";

export type Hall = Awaited<ReturnType<typeof openHall>>;

export interface Reply<Body = TicketView> {
  readonly status: number;
  readonly json: Body;
}

const startMs = Date.parse("2026-11-21T10:00:00.000Z");

export async function openHall() {
  const { url } = await testDatabase();
  const clock = createManualClock(startMs);
  const masterKey = Buffer.alloc(32, 5);
  const start = () => startTestPlatform({ url, clock, masterKey, trustedProxies: "127.0.0.1" });
  const processes: TestPlatform[] = [await start(), await start()];
  const [first, second] = processes;
  const tenant = await required(first, "the first process").createTenant("Harbour Mall");
  const other = await required(first, "the first process").createTenant("Hill Mall");
  const tokens = new Map<string, string>();

  async function tokenOf(member: string, tenantId = tenant.tenantId): Promise<string> {
    const key = `${tenantId} ${member}`;
    const known = tokens.get(key);
    if (known !== undefined) return known;
    const { identity } = required(processes[0], "a process");
    const token = { tenantId, kind: "member", name: member } as const;
    const issued = await issueTestToken(identity, token);
    tokens.set(key, issued.token);
    return issued.token;
  }

  async function call<Body>(
    process: TestPlatform,
    path: string,
    given: {
      readonly token: string;
      readonly body?: object;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<Reply<Body>> {
    const { token, body } = given;
    const reply = await fetch(`${process.baseUrl}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "idempotency-key": process.ids.next(),
        "content-type": "application/json",
        ...given.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    return { status: reply.status, json: JSON.parse(text === "" ? "{}" : text) };
  }

  const hall = {
    clock,
    start,
    first: required(first, "the first process"),
    second: required(second, "the second process"),
    tenantId: tenant.tenantId,
    otherTenantId: other.tenantId,
    tokenOf,
    call,

    /** Of one SKU; it opens after `opensInMs` and lasts an hour. */
    async makeSale(
      given: {
        units?: number;
        opensInMs?: number;
        waitingRoom?: boolean;
        ticketRules?: TicketRulesView;
        of?: string;
      } = {},
    ): Promise<{ saleId: SaleId; skuId: string }> {
      const { units = 100, opensInMs = 0, waitingRoom = true } = given;
      const token = given.of ?? tenant.tokens.admin;
      const post = <Body>(path: string, body: object) =>
        call<Body>(hall.first, path, { token, body });
      const sku = { title: "", price: { amount: 1_999, currency: "CNY" } };
      const made = await post<{ skus: [{ id: string }] }>("/v1/products", {
        title: "Mug",
        skus: [sku],
      });
      const [{ id: skuId }] = made.json.skus;
      const delivery = { kind: "put_in", quantity: units, reason: "new" };
      await post(`/v1/skus/${skuId}/stock/movements`, delivery);
      const opensAt = clock.now() + opensInMs;
      const sale = await post<{ id: SaleId }>("/v1/sales", {
        title: "Anniversary sale",
        opensAt: formatInstant(opensAt),
        closesAt: formatInstant(opensAt + 3_600_000),
        waitingRoom,
        ...(given.ticketRules === undefined ? {} : { ticketRules: given.ticketRules }),
        items: [{ skuId, price: { amount: 999, currency: "CNY" }, allotment: units }],
      });
      const saleId = sale.json.id;
      const scheduled = await post(`/v1/sales/${saleId}/schedule`, {});
      if (scheduled.status !== 200) throw new Error(JSON.stringify([made, sale, scheduled]));
      return { saleId, skuId };
    },

    async take(process: TestPlatform, saleId: SaleId, member: string): Promise<Reply> {
      const token = await tokenOf(member);
      return call(process, `/v1/sales/${saleId}/tickets`, { token, body: {} });
    },

    async ask(process: TestPlatform, ticket: TicketView, member = ticket.memberId): Promise<Reply> {
      const path = `/v1/sales/${ticket.saleId}/tickets/${ticket.id}`;
      return call(process, path, { token: await tokenOf(member) });
    },

    async follow(process: TestPlatform, ticket: TicketView, lastEventId?: string) {
      const path = `/v1/sales/${ticket.saleId}/tickets/${ticket.id}/events`;
      const token = await tokenOf(ticket.memberId);
      return openEvents(`${process.baseUrl}${path}`, {
        authorization: `Bearer ${token}`,
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
      });
    },

    async order(
      process: TestPlatform,
      sale: { readonly saleId: SaleId; readonly skuId: string },
      given: { readonly member: string; readonly pass?: string | undefined },
    ): Promise<Reply<{ id?: string; code?: string }>> {
      const { saleId, skuId } = sale;
      return call(process, "/v1/orders", {
        token: await tokenOf(given.member),
        body: { saleId, lines: [{ skuId, quantity: 1 }] },
        headers: given.pass === undefined ? {} : { "sale-pass": given.pass },
      });
    },

    /** Many more members, at the same moment; all that may be let in at once are. */
    async crowd(process: TestPlatform, saleId: SaleId, count: number): Promise<TicketView[]> {
      const members = Array.from({ length: count }, () => process.ids.next());
      const taken = await Promise.all(
        members.map((memberId) =>
          process.waitingRooms.takeTicket(tenant.tenantId, { saleId, memberId }),
        ),
      );
      return taken.map((each) => {
        if ("code" in each) throw new Error(each.code);
        return each.view;
      });
    },

    /** Half a second passes, and each process lets in whom it can. */
    async round(...among: readonly TestPlatform[]): Promise<void> {
      clock.advance(500);
      for (const process of among) await process.waitingRooms.admitMembers();
    },

    /** All sales are over, nobody waits, and as many may be let in as after a quiet time. */
    async rest(): Promise<void> {
      clock.advance(3_700_000);
      for (const process of processes) await process.waitingRooms.admitMembers();
      clock.advance(1_000);
      for (const process of processes) await process.waitingRooms.admitMembers();
    },

    async stop(): Promise<void> {
      await Promise.all(processes.map((process) => process.stop()));
    },
  };
  return hall;
}
