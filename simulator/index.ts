/**
 * The outside world of the platform: WeChat Pay and Alipay over their real wire protocols, payers
 * who pay or do not, and faults by script or by seed. It shares no code with the platform, so that
 * both are independent readings of the same protocols.
 */
export { createSimulator } from "./simulator.ts";
export type { Simulator, SimulatorOptions } from "./simulator.ts";
export type { AlipayAccountView, Control } from "./control.ts";
export type { FaultKind, FaultParams, FaultRule, Operation } from "./faults.ts";
export type { Forgery, Notice, Refund, Trade } from "./world.ts";
export { forgeries } from "./world.ts";
