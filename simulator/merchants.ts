import { createKeyPair, createSerial, selfSignedCertificate } from "./certificates.ts";
import { randomDigits, randomHex, randomLetters } from "./random.ts";
import { dayMs } from "./times.ts";
import type { AlipayKey, AlipayMerchant, PlatformKey, WechatMerchant, World } from "./world.ts";

const certificateLifeMs = 5 * 365 * dayMs;

export interface WechatMerchantRequest {
  readonly mchid?: string;
  readonly name?: string;
  readonly appId?: string;
  readonly mode?: WechatMerchant["mode"];
}

export interface AlipayMerchantRequest {
  readonly sellerId?: string;
  readonly name?: string;
  readonly appId?: string;
}

export async function createWechatMerchant(
  request: WechatMerchantRequest,
  now: number,
): Promise<WechatMerchant> {
  const id = request.mchid ?? `19${randomDigits(8)}`;
  const pair = await createKeyPair();
  const serial = createSerial();
  const validity = { validFrom: now, validUntil: now + certificateLifeMs };
  return {
    channel: "wechatpay",
    id,
    name: request.name ?? "",
    appId: request.appId ?? `wx${randomHex(16).toLowerCase()}`,
    mode: request.mode ?? "public_key",
    serial,
    certificatePem: selfSignedCertificate(pair, { commonName: id, serial, ...validity }),
    ...pair,
    apiV3Key: randomLetters(32),
  };
}

export async function createAlipayMerchant(
  request: AlipayMerchantRequest,
): Promise<AlipayMerchant> {
  const [app, alipay] = await Promise.all([createKeyPair(), createKeyPair()]);
  return {
    channel: "alipay",
    id: request.sellerId ?? `2088${randomDigits(12)}`,
    name: request.name ?? "",
    appId: request.appId ?? `2021${randomDigits(12)}`,
    ...app,
    alipayKeys: [{ ...alipay, signsFrom: 0 }],
  };
}

export async function createPlatformKey(
  kind: PlatformKey["kind"],
  now: number,
): Promise<PlatformKey> {
  const pair = await createKeyPair();
  const validity = { validFrom: now, validUntil: now + certificateLifeMs };
  if (kind === "public_key") {
    const serial = `PUB_KEY_ID_${randomDigits(28)}`;
    return { kind, serial, ...pair, certificatePem: "", ...validity, signs: true };
  }
  const serial = createSerial();
  const subject = { commonName: "Simulated WeChat Pay platform", serial, ...validity };
  const certificatePem = selfSignedCertificate(pair, subject);
  return { kind, serial, ...pair, certificatePem, ...validity, signs: true };
}

/** A new platform certificate. It signs from now on, or is only listed until it is told to. */
export async function rollCertificate(
  world: World,
  options: { readonly signs: boolean; readonly now: number },
): Promise<PlatformKey> {
  const key = { ...(await createPlatformKey("certificate", options.now)), signs: false };
  world.platformKeys.put(key);
  return options.signs ? letSign(world, key) : key;
}

export function letSign(world: World, chosen: PlatformKey): PlatformKey {
  for (const key of [...world.platformKeys.values()]) {
    if (key.kind !== "certificate" || key.serial === chosen.serial || !key.signs) continue;
    world.platformKeys.put({ ...key, signs: false });
  }
  const signing = { ...chosen, signs: true };
  world.platformKeys.put(signing);
  return signing;
}

/** The world's own keys are made once; with a journal they stay the same for ever. */
export async function ensurePlatformKeys(world: World, now: number): Promise<void> {
  const kinds = new Set([...world.platformKeys.values()].map((key) => key.kind));
  const missing = (["certificate", "public_key"] as const).filter((kind) => !kinds.has(kind));
  const made = await Promise.all(missing.map((kind) => createPlatformKey(kind, now)));
  for (const key of made) world.platformKeys.put(key);
}

/** The key that signs what this merchant gets: by its mode, or by what its request asked for. */
export function signingKey(world: World, kind: PlatformKey["kind"]): PlatformKey {
  const key = world.platformKeys.values().find((each) => each.kind === kind && each.signs);
  if (key === undefined) throw new Error(`the world has no ${kind} that signs`);
  return key;
}

/** The key that Alipay signs with for this app what happens at this time, as far as it is kept. */
export function alipayKeyAt(merchant: AlipayMerchant, at: number): AlipayKey {
  const [oldest] = merchant.alipayKeys;
  return (
    merchant.alipayKeys.findLast(({ signsFrom }) => signsFrom !== null && signsFrom <= at) ?? oldest
  );
}

/**
 * A roll-over in three steps, each a new value of the merchant: a new key is announced, so that the
 * merchant can trust both; it signs; the old one is forgotten. Undefined when it is not the step's
 * turn.
 */
export async function announceAlipayKey(
  merchant: AlipayMerchant,
): Promise<AlipayMerchant | undefined> {
  const [key, another] = merchant.alipayKeys;
  if (another !== undefined) return undefined;
  const announced = { ...(await createKeyPair()), signsFrom: null };
  return { ...merchant, alipayKeys: [key, announced] };
}

export function useAlipayKey(merchant: AlipayMerchant, now: number): AlipayMerchant | undefined {
  const [old, announced] = merchant.alipayKeys;
  if (announced === undefined || announced.signsFrom !== null) return undefined;
  return { ...merchant, alipayKeys: [old, { ...announced, signsFrom: now }] };
}

export function retireAlipayKey(merchant: AlipayMerchant): AlipayMerchant | undefined {
  const [, used] = merchant.alipayKeys;
  return used === undefined || used.signsFrom === null
    ? undefined
    : { ...merchant, alipayKeys: [used] };
}
