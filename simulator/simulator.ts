import Fastify from "fastify";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { createActions } from "./actions.ts";
import { registerAlipayRoutes } from "./alipay/gateway.ts";
import { createAlipayNoticeWriter } from "./alipay/notices.ts";
import { signedReturnUrl } from "./alipay/returns.ts";
import { createClock } from "./clock.ts";
import { createControl } from "./control.ts";
import type { Control } from "./control.ts";
import { registerControlRoutes } from "./controlroutes.ts";
import { createFaults } from "./faults.ts";
import { ensurePlatformKeys } from "./merchants.ts";
import { createNoticeOffice } from "./notices.ts";
import { registerPayRoutes } from "./payroutes.ts";
import { createWechatNoticeWriter } from "./wechatpay/notices.ts";
import { registerWechatRoutes } from "./wechatpay/routes.ts";
import { createWorld } from "./world.ts";
import type { World } from "./world.ts";

export interface SimulatorOptions {
  /** The journal of the world; without it the world is forgotten on close. */
  readonly statePath?: string;
  /** How fast waiting times pass: 60 lets a minute pass in a second. */
  readonly speed?: number;
  /** The address in the links given out, when it is not the one that callers use. */
  readonly publicUrl?: string;
  /** Of the faults that strike with a probability. */
  readonly seed?: string;
  /** How long WeChat Pay takes for a refund. */
  readonly refundMs?: number;
  /** Called for what should never happen: a task of the world that throws. */
  readonly failed?: (error: unknown) => void;
}

export interface Simulator {
  readonly app: FastifyInstance;
  readonly world: World;
  readonly control: Control;
  /** Resolves with the address it is reached at. */
  listen(at?: { readonly host?: string; readonly port?: number }): Promise<string>;
  close(): Promise<void>;
}

const refundMsUsual = 1_000;
/** The largest real request, a prepay with goods detail, is far below. */
const bodyBytesMax = 256 * 1024;

/** A world of its own: any number of them may live in one process. */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const world = createWorld(options.statePath);
  const clock = createClock({
    speed: options.speed ?? 1,
    now: Date.now,
    failed: options.failed ?? ((error) => process.emitWarning(String(error))),
  });
  const faults = createFaults(options.seed ?? "tongbao");
  // Making keys is what a start takes long for, so all of them are made at once.
  const [wechatpay, alipay] = await Promise.all([
    createWechatNoticeWriter(world),
    createAlipayNoticeWriter(world),
    ensurePlatformKeys(world, clock.now()),
  ]);
  const writers = { wechatpay, alipay };
  const office = createNoticeOffice({ world, clock, faults, writers });
  const refundMs = options.refundMs ?? refundMsUsual;
  const actions = createActions({ world, clock, office, refundMs });
  const control = createControl({ world, clock, faults, office, actions });

  // A wrong field of a command is refused, never dropped or bent into shape.
  const ajv = { customOptions: { removeAdditional: false, coerceTypes: false } };
  const app = Fastify({ bodyLimit: bodyBytesMax, forceCloseConnections: true, ajv });
  const baseUrl = (request: FastifyRequest) => options.publicUrl ?? `http://${request.host}`;
  const parts = { world, clock, faults, actions, baseUrl };
  // Each face reads bodies in its own way, hence a scope of its own.
  await app.register((scope, _options, done) => {
    registerWechatRoutes(scope, parts);
    done();
  });
  await app.register((scope, _options, done) => {
    registerAlipayRoutes(scope, parts);
    done();
  });
  await app.register((scope, _options, done) => {
    const alipayReturnUrl = signedReturnUrl(world, clock.now);
    registerPayRoutes(scope, { world, actions, faults, now: clock.now, alipayReturnUrl });
    done();
  });
  await app.register((scope, _options, done) => {
    registerControlRoutes(scope, control);
    done();
  });
  office.resume();
  actions.resume();

  return {
    app,
    world,
    control,
    listen: ({ host = "127.0.0.1", port = 0 } = {}) => app.listen({ host, port }),
    async close() {
      clock.stop();
      await app.close();
      world.close();
    },
  };
}
