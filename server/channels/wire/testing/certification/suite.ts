/**
 * The certification of a payment channel: what payments relies on, played against the simulated
 * world over real HTTP. Every channel passes all of it before a merchant may use it.
 */
import { afterAll, beforeAll, describe } from "vitest";
import { certifyFaults } from "./faults.ts";
import { certifyNotices } from "./notices.ts";
import { certifyRefunds } from "./refunds.ts";
import { openStand } from "./stand.ts";
import type { CreateCandidate, Stand, Traits } from "./stand.ts";
import { certifyStatements } from "./statements.ts";
import { certifyTrades } from "./trades.ts";

export function certify<Config>(
  name: string,
  traits: Traits,
  create: CreateCandidate<Config>,
): void {
  describe(`certification of ${name}`, () => {
    let opened: Stand | undefined;
    beforeAll(async () => {
      opened = await openStand(traits, create);
    });
    afterAll(async () => {
      await opened?.shut();
    });
    const stand = (): Stand => {
      if (opened === undefined) throw new Error("the stand did not open");
      return opened;
    };
    describe("trades", () => {
      certifyTrades(stand, traits);
    });
    describe("refunds", () => {
      certifyRefunds(stand, traits);
    });
    describe("statements", () => {
      certifyStatements(stand);
    });
    describe("a hostile network", () => {
      certifyFaults(stand);
    });
    // Last, because its keys roll over: a failure on the way would leave the others without keys.
    describe("notices", () => {
      certifyNotices(stand, traits);
    });
  });
}
