import { required } from "../../kernel/assert.ts";
import type { Deadline } from "../../kernel/deadlines.ts";
import type { Id } from "../../kernel/ids.ts";
import { parseId } from "../../kernel/ids.ts";
import type { JobHandler } from "../../kernel/jobs.ts";
import { enqueueJobs } from "../../kernel/jobs.ts";
import type { Watch } from "../../kernel/measures.ts";
import { watchStates } from "../../kernel/measures.ts";
import { hourMs, secondMs } from "../../kernel/time.ts";
import { attemptMachine, paymentMachine, refundMachine } from "./domain/machines.ts";
import { leaseMs } from "./domain/schedules.ts";
import type { Payments } from "./operations/payments.ts";
import {
  takeDueAttempts,
  takeDueRefunds,
  tenantsWithAttemptsDue,
  tenantsWithRefundsDue,
  tenantsWithSurplus,
} from "./store/due.ts";
import { oldestAttempts, oldestPayments, oldestRefunds } from "./store/watch.ts";

/** A payer who chooses another way to pay, or waits for a refund, sees it happen. */
const dueEveryMs = 0.25 * secondMs;
const dueMax = 200;
const surplusMax = 50;

const askAttempt = "payments.ask_attempt";
const askRefund = "payments.ask_refund";

/** The sweeps find what is due and leave jobs; the jobs call the channels. */
export function paymentsReactions(payments: Payments): {
  readonly deadlines: readonly Deadline[];
  readonly jobs: Readonly<Record<string, JobHandler>>;
  readonly watches: readonly Watch[];
} {
  return {
    watches: [
      watchStates(paymentMachine, ["open", "closing"], oldestPayments),
      watchStates(attemptMachine, ["preparing", "awaiting", "closing"], oldestAttempts),
      watchStates(refundMachine, ["requested", "processing", "abnormal"], oldestRefunds),
    ],
    deadlines: [
      {
        name: "payments.attempts",
        everyMs: dueEveryMs,
        batchMax: dueMax,
        tenantsDue: tenantsWithAttemptsDue,
        async sweep(tx, limit) {
          const due = await takeDueAttempts(tx, { leaseMs, limit });
          enqueueJobs(
            tx,
            due.map((id) => ({ task: askAttempt, id })),
          );
          return due.length;
        },
      },
      {
        name: "payments.refunds",
        everyMs: dueEveryMs,
        batchMax: dueMax,
        tenantsDue: tenantsWithRefundsDue,
        async sweep(tx, limit) {
          const due = await takeDueRefunds(tx, { leaseMs, limit });
          enqueueJobs(
            tx,
            due.map((id) => ({ task: askRefund, id })),
          );
          return due.length;
        },
      },
      {
        // The refund of a surplus leaves with its booking; this one sees to those that failed.
        name: "payments.surplus",
        everyMs: hourMs,
        batchMax: surplusMax,
        tenantsDue: tenantsWithSurplus,
        sweep: (tx, limit) => payments.refundSurplus(tx, limit),
      },
    ],
    jobs: {
      [askAttempt]: ({ tenantId, id }) => payments.askAttempt(tenantId, idOf<"PaymentAttempt">(id)),
      [askRefund]: ({ tenantId, id }) => payments.askRefund(tenantId, idOf<"Refund">(id)),
    },
  };
}

function idOf<Name extends string>(text: string): Id<Name> {
  return required(parseId<Name>(text), "an id in a job");
}
