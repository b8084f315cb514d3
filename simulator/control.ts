/**
 * The hand that plays the world: what a test does in process and a script over HTTP (see
 * controlroutes.ts). It knows no protocol; it makes merchants, payers, time and trouble.
 */
import type { Actions, PayResult } from "./actions.ts";
import { readBooks } from "./books.ts";
import type { MerchantBook } from "./books.ts";
import type { Clock } from "./clock.ts";
import type { Faults } from "./faults.ts";
import {
  announceAlipayKey,
  createAlipayMerchant,
  createWechatMerchant,
  letSign,
  retireAlipayKey,
  rollCertificate,
  signingKey,
  useAlipayKey,
} from "./merchants.ts";
import type { AlipayMerchantRequest, WechatMerchantRequest } from "./merchants.ts";
import type { NoticeOffice } from "./notices.ts";
import { merchantKey, tradeKey } from "./world.ts";
import type {
  AlipayMerchant,
  ChannelCode,
  Notice,
  PlatformKey,
  Refund,
  RefundState,
  Trade,
  WechatMerchant,
  World,
} from "./world.ts";

/** Everything that a merchant's side of WeChat Pay is configured with. */
export interface WechatAccountView {
  readonly channel: "wechatpay";
  readonly mode: WechatMerchant["mode"];
  readonly mchid: string;
  readonly appId: string;
  readonly merchantSerial: string;
  readonly merchantPrivateKeyPem: string;
  readonly merchantCertificatePem: string;
  readonly apiV3Key: string;
  readonly platformCertificates: readonly { readonly serial: string; readonly pem: string }[];
  readonly platformPublicKeyId: string;
  readonly platformPublicKeyPem: string;
}

export interface AlipayAccountView {
  readonly channel: "alipay";
  readonly sellerId: string;
  readonly appId: string;
  readonly appPrivateKeyPem: string;
  readonly appPublicKeyPem: string;
  /** The newest key, which may only be announced yet. */
  readonly alipayPublicKeyPem: string;
  /** While the keys are rolled over: the key before. */
  readonly previousAlipayPublicKeyPem?: string;
}

/** The command cannot be done; `status` is what HTTP says. */
export interface ControlRefusal {
  readonly kind: "refused";
  readonly status: 400 | 404 | 409;
  readonly why: string;
}

export interface Which {
  readonly channel?: ChannelCode;
  readonly merchantId?: string;
}

export interface PayCommand extends Which {
  readonly payerId?: string;
  readonly at?: number;
}

export interface RefundCommand extends Which {
  readonly at?: number;
}

export interface Filter extends Which {
  readonly attemptNumber?: string;
  readonly refundNumber?: string;
}

export interface Control {
  /** Creates the merchant, or gives the one that has this number already. */
  createWechatMerchant(request?: WechatMerchantRequest): Promise<WechatAccountView>;
  createAlipayMerchant(request?: AlipayMerchantRequest): Promise<AlipayAccountView>;
  merchants(): readonly (WechatAccountView | AlipayAccountView)[];
  rollCertificate(options?: { readonly signs?: boolean }): Promise<CertificateView>;
  certificates(): readonly CertificateView[];
  useCertificate(serial: string): CertificateView | ControlRefusal;
  retireCertificate(serial: string): CertificateView | ControlRefusal;
  /** The steps of a roll-over of Alipay's key for an app; see README.md. */
  announceAlipayKey(sellerId: string): Promise<AlipayAccountView | ControlRefusal>;
  useAlipayKey(sellerId: string): AlipayAccountView | ControlRefusal;
  retireAlipayKey(sellerId: string): AlipayAccountView | ControlRefusal;
  trade(number: string, which?: Which): TradeDetail | ControlRefusal;
  trades(filter?: Filter): readonly Trade[];
  refunds(filter?: Filter): readonly Refund[];
  notices(filter?: Filter): readonly Notice[];
  /** The payer pays. The notice is on its way when this returns; `idle` waits for it. */
  pay(number: string, command?: PayCommand): { readonly result: PayResult } | ControlRefusal;
  decline(number: string, which?: Which): Trade | ControlRefusal;
  expire(number: string, which?: Which): Trade | ControlRefusal;
  setRefundState(
    number: string,
    state: RefundState,
    command?: RefundCommand,
  ): Refund | ControlRefusal;
  /** Delivers a notice once more, whatever its state. */
  repeatNotice(id: string): Promise<Notice | ControlRefusal>;
  readonly faults: Faults;
  readonly clock: Pick<Clock, "now" | "speed" | "setSpeed" | "waitingCount">;
  /** Lets waiting time pass: what falls due in it has happened when this resolves. */
  advance(ms: number): Promise<void>;
  /** Resolves when nothing is under way and nothing is due. */
  idle(): Promise<void>;
  books(which?: Which): readonly MerchantBook[];
  /** Forgets trades, notices and faults; merchants and keys stay. */
  reset(): void;
}

export interface CertificateView {
  readonly serial: string;
  readonly pem: string;
  readonly signs: boolean;
}

export function createControl(parts: {
  readonly world: World;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly office: NoticeOffice;
  readonly actions: Actions;
}): Control {
  const { world, clock, faults, office, actions } = parts;

  /** Numbers are unique within a merchant only; a script that plays several says which. */
  function findTrade(number: string, which: Which): Trade | ControlRefusal {
    const found = [...world.merchants.values()]
      .filter((merchant) => fits({ channel: merchant.channel, merchantId: merchant.id }, which))
      .flatMap(({ channel, id: merchantId }) => {
        const trade = actions.trade(tradeKey({ channel, merchantId, number }));
        return trade === undefined ? [] : [trade];
      });
    return theOnly(found, `trade ${number}`);
  }

  function findRefund(number: string, which: Which): Refund | ControlRefusal {
    const found = [...world.refunds.values()].filter(
      (refund) => refund.number === number && fits(refund, which),
    );
    return theOnly(found, `refund ${number}`);
  }

  function alipayMerchant(sellerId: string): AlipayMerchant | ControlRefusal {
    const merchant = world.merchants.get(merchantKey("alipay", sellerId));
    if (merchant?.channel === "alipay") return merchant;
    return refused(404, `there is no seller ${sellerId}`);
  }

  function keepKeys(
    changed: AlipayMerchant | undefined,
    whyNot: string,
  ): AlipayAccountView | ControlRefusal {
    if (changed === undefined) return refused(409, whyNot);
    world.merchants.put(changed);
    return alipayView(changed);
  }

  function certificate(serial: string): PlatformKey | ControlRefusal {
    const key = world.platformKeys.get(serial);
    if (key?.kind === "certificate") return key;
    return refused(404, `there is no platform certificate ${serial}`);
  }

  return {
    async createWechatMerchant(request = {}) {
      const known = world.merchants.get(merchantKey("wechatpay", request.mchid ?? ""));
      if (known?.channel === "wechatpay") return wechatView(world, known);
      const merchant = await createWechatMerchant(request, clock.now());
      world.merchants.put(merchant);
      return wechatView(world, merchant);
    },
    async createAlipayMerchant(request = {}) {
      const known = world.merchants.get(merchantKey("alipay", request.sellerId ?? ""));
      if (known?.channel === "alipay") return alipayView(known);
      const merchant = await createAlipayMerchant(request);
      world.merchants.put(merchant);
      return alipayView(merchant);
    },
    merchants: () =>
      [...world.merchants.values()].map((merchant) =>
        merchant.channel === "wechatpay" ? wechatView(world, merchant) : alipayView(merchant),
      ),
    async rollCertificate({ signs = true } = {}) {
      return certificateView(await rollCertificate(world, { signs, now: clock.now() }));
    },
    certificates: () => platformCertificates(world).map(certificateView),
    useCertificate(serial) {
      const key = certificate(serial);
      return isControlRefusal(key) ? key : certificateView(letSign(world, key));
    },
    retireCertificate(serial) {
      const key = certificate(serial);
      if (isControlRefusal(key)) return key;
      if (key.signs) return refused(409, `${serial} signs; let another one sign first`);
      world.platformKeys.delete(serial);
      return certificateView(key);
    },
    async announceAlipayKey(sellerId) {
      const merchant = alipayMerchant(sellerId);
      if (isControlRefusal(merchant)) return merchant;
      const why = "two keys are in use; retire the old one first";
      return keepKeys(await announceAlipayKey(merchant), why);
    },
    useAlipayKey(sellerId) {
      const merchant = alipayMerchant(sellerId);
      if (isControlRefusal(merchant)) return merchant;
      return keepKeys(useAlipayKey(merchant, clock.now()), "no key is announced");
    },
    retireAlipayKey(sellerId) {
      const merchant = alipayMerchant(sellerId);
      if (isControlRefusal(merchant)) return merchant;
      return keepKeys(retireAlipayKey(merchant), "no newer key is in use");
    },
    trade(number, which = {}) {
      const trade = findTrade(number, which);
      if (isControlRefusal(trade)) return trade;
      const notices = select(world.notices.values(), { ...which, attemptNumber: number });
      return { trade, refunds: world.refundsOf(trade), notices };
    },
    trades: (filter = {}) => select(world.trades.values(), filter),
    refunds: (filter = {}) => select(world.refunds.values(), filter),
    notices: (filter = {}) => select(world.notices.values(), filter),
    pay(number, command = {}) {
      const trade = findTrade(number, command);
      if (isControlRefusal(trade)) return trade;
      const { payerId, at } = command;
      const { outcome, told } = actions.pay(actions.open(trade), {
        ...(payerId === undefined ? {} : { payerId }),
        ...(at === undefined ? {} : { at }),
      });
      void told; // The clock keeps the delivery; `idle` waits for it.
      return { result: outcome };
    },
    decline(number, which = {}) {
      const trade = findTrade(number, which);
      return isControlRefusal(trade) ? trade : actions.decline(trade);
    },
    expire(number, which = {}) {
      const trade = findTrade(number, which);
      return isControlRefusal(trade) ? trade : actions.expire(trade);
    },
    setRefundState(number, state, command = {}) {
      const refund = findRefund(number, command);
      return isControlRefusal(refund) ? refund : actions.endRefund(refund, state, command.at);
    },
    async repeatNotice(id) {
      await office.repeat(id);
      return world.notices.get(id) ?? refused(404, `there is no notice ${id}`);
    },
    faults,
    clock,
    async advance(ms) {
      world.age(ms);
      await clock.advance(ms);
    },
    idle: () => clock.idle(),
    books: (which = {}) =>
      readBooks(world, (merchant) =>
        fits({ channel: merchant.channel, merchantId: merchant.id }, which),
      ),
    reset() {
      faults.clear();
      world.forgetTrades();
    },
  };
}

export interface TradeDetail {
  readonly trade: Trade;
  readonly refunds: readonly Refund[];
  readonly notices: readonly Notice[];
}

export function isControlRefusal(value: object): value is ControlRefusal {
  return "kind" in value && value.kind === "refused";
}

const refused = (status: ControlRefusal["status"], why: string): ControlRefusal => ({
  kind: "refused",
  status,
  why,
});

function theOnly<Thing>(found: readonly Thing[], what: string): Thing | ControlRefusal {
  const [first] = found;
  if (first === undefined) return refused(404, `there is no ${what}`);
  if (found.length > 1)
    return refused(409, `there are ${found.length} of ${what}; say channel and merchantId`);
  return first;
}

function fits(
  thing: { readonly channel: ChannelCode; readonly merchantId: string },
  which: Which,
): boolean {
  const { channel, merchantId } = which;
  return (
    (channel === undefined || channel === thing.channel) &&
    (merchantId === undefined || merchantId === thing.merchantId)
  );
}

interface Selectable {
  readonly channel: ChannelCode;
  readonly merchantId: string;
  readonly number?: string;
  readonly tradeNumber?: string;
  readonly refundNumber?: string;
}

/** A trade is found by its own number, a refund or notice by those it belongs to. */
function select<Thing extends Selectable>(things: Iterable<Thing>, filter: Filter): Thing[] {
  const { attemptNumber, refundNumber } = filter;
  const isWanted = (thing: Selectable): boolean =>
    fits(thing, filter) &&
    (attemptNumber === undefined || attemptNumber === (thing.tradeNumber ?? thing.number)) &&
    (refundNumber === undefined || refundNumber === (thing.refundNumber ?? thing.number));
  return [...things].filter(isWanted);
}

const platformCertificates = (world: World): PlatformKey[] =>
  [...world.platformKeys.values()].filter((key) => key.kind === "certificate");

const certificateView = (key: PlatformKey): CertificateView => ({
  serial: key.serial,
  pem: key.certificatePem,
  signs: key.signs,
});

function wechatView(world: World, merchant: WechatMerchant): WechatAccountView {
  const publicKey = signingKey(world, "public_key");
  return {
    channel: "wechatpay",
    mode: merchant.mode,
    mchid: merchant.id,
    appId: merchant.appId,
    merchantSerial: merchant.serial,
    merchantPrivateKeyPem: merchant.privateKeyPem,
    merchantCertificatePem: merchant.certificatePem,
    apiV3Key: merchant.apiV3Key,
    platformCertificates: platformCertificates(world).map(({ serial, certificatePem: pem }) => ({
      serial,
      pem,
    })),
    platformPublicKeyId: publicKey.serial,
    platformPublicKeyPem: publicKey.publicKeyPem,
  };
}

function alipayView(merchant: AlipayMerchant): AlipayAccountView {
  const [first, second] = merchant.alipayKeys;
  const newest = second ?? first;
  const previous = second === undefined ? undefined : first;
  return {
    channel: "alipay",
    sellerId: merchant.id,
    appId: merchant.appId,
    appPrivateKeyPem: merchant.privateKeyPem,
    appPublicKeyPem: merchant.publicKeyPem,
    alipayPublicKeyPem: newest.publicKeyPem,
    ...(previous === undefined ? {} : { previousAlipayPublicKeyPem: previous.publicKeyPem }),
  };
}
