import type { KeyObject } from "node:crypto";
import { LRUCache } from "lru-cache";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { hourMs, minuteMs, secondMs } from "../../kernel/time.ts";
import { parseJson, readAs } from "../wire/json.ts";
import { normalSerial, parsePlatformKey } from "./config.ts";
import type { PlatformKey, WechatpayAccount } from "./config.ts";
import { decryptResource, faultBeforeKey, isSignedBy, readSignatureHeaders } from "./signature.ts";
import { sendSigned } from "./transport.ts";
import type { Wire } from "./transport.ts";

/** `unknown_serial` is WeChat Pay's own word; `unavailable` means that it could not be asked. */
export type FoundKey =
  | { readonly kind: "key"; readonly key: KeyObject }
  | { readonly kind: "unknown_serial"; readonly why: string }
  | { readonly kind: "unavailable"; readonly why: string };

export interface Keyring {
  find(account: WechatpayAccount, serial: string, signal: AbortSignal): Promise<FoundKey>;
}

/** Certificates fetched for one account, and when they may be fetched again. */
interface Fetched {
  keys: ReadonlyMap<string, PlatformKey>;
  fetchedAt: number;
  askAgainAt: number;
  failure: string | undefined;
  asking: Promise<void> | undefined;
}

/** A few kilobytes each; beyond this, certificates of the least used accounts are fetched anew. */
const accountsMax = 1_000;
/** WeChat Pay has two certificates valid at once during a change, hardly ever three. */
const certificatesMax = 20;
/**
 * Anyone can send notices with invented serials, so they make us ask once a minute at most. The
 * price: a true notice right after a change may be refused once or twice; it comes again after 15 s
 * and 30 s.
 */
const askAgainMs = minuteMs;
const askAgainAfterFailureMs = 5 * secondMs;
/** WeChat Pay advises merchants to look for changed certificates at least every 12 hours. */
const freshMs = 12 * hourMs;
/** Asking serves many callers at once, so it does not end with the first one's patience. */
const askTimeoutMs = 10 * secondMs;

/** Finds the key of a serial: among the account's own, else among certificates it fetches. */
export function createKeyring(wire: Wire): Keyring {
  const accounts = new LRUCache<string, Fetched>({ max: accountsMax });

  async function find(account: WechatpayAccount, rawSerial: string, signal: AbortSignal) {
    const serial = normalSerial(rawSerial);
    const configured = account.config.platformKeys.get(serial);
    if (configured !== undefined) return usable(configured, wire.clock.now());
    if (account.config.mode === "public_key" || serial.startsWith("PUB_KEY_ID_")) {
      return { kind: "unknown_serial", why: `the account has no key ${serial}` } as const;
    }
    return await findFetched(account, serial, signal);
  }

  async function findFetched(
    account: WechatpayAccount,
    serial: string,
    signal: AbortSignal,
  ): Promise<FoundKey> {
    const fetched = stateOf(account);
    const isFresh = wire.clock.now() < fetched.fetchedAt + freshMs;
    if (!isFresh || !fetched.keys.has(serial)) await refresh(account, fetched, signal);
    const key = fetched.keys.get(serial);
    if (key !== undefined) return usable(key, wire.clock.now());
    if (signal.aborted) return { kind: "unavailable", why: "the time for the call ran out" };
    if (fetched.failure !== undefined) return { kind: "unavailable", why: fetched.failure };
    return { kind: "unknown_serial", why: `WeChat Pay has no certificate ${serial}` };
  }

  /** Joins an ask that is under way; asks itself only when it is time to. */
  async function refresh(account: WechatpayAccount, fetched: Fetched, signal: AbortSignal) {
    if (fetched.asking === undefined) {
      if (wire.clock.now() < fetched.askAgainAt) return;
      fetched.asking = ask(account, fetched).finally(() => (fetched.asking = undefined));
    }
    await Promise.race([fetched.asking, aborted(signal)]);
  }

  async function ask(account: WechatpayAccount, fetched: Fetched) {
    const outcome = await fetchCertificates(wire, account, AbortSignal.timeout(askTimeoutMs));
    const now = wire.clock.now();
    if (outcome.kind === "failed") {
      fetched.failure = outcome.why;
      fetched.askAgainAt = now + askAgainAfterFailureMs;
      return;
    }
    fetched.failure = undefined;
    fetched.keys = outcome.keys;
    fetched.fetchedAt = now;
    fetched.askAgainAt = now + askAgainMs;
  }

  /** By account and merchant: an account that gets another merchant starts without keys. */
  function stateOf(account: WechatpayAccount): Fetched {
    const name = `${account.id} ${account.merchantId} ${account.config.baseUrl}`;
    const known = accounts.get(name);
    if (known !== undefined) return known;
    const fetched: Fetched = {
      keys: new Map(),
      fetchedAt: Number.NEGATIVE_INFINITY,
      askAgainAt: Number.NEGATIVE_INFINITY,
      failure: undefined,
      asking: undefined,
    };
    accounts.set(name, fetched);
    return fetched;
  }

  return { find };
}

function usable(key: PlatformKey, now: number): FoundKey {
  if (now >= key.validFrom && now < key.validUntil) return { kind: "key", key: key.key };
  return { kind: "unknown_serial", why: "the certificate is not valid at this time" };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

const Certificates = Compile(
  Type.Object({
    data: Type.Array(
      Type.Object({
        serial_no: Type.String(),
        encrypt_certificate: Type.Object({
          algorithm: Type.String(),
          nonce: Type.String(),
          associated_data: Type.Optional(Type.String()),
          ciphertext: Type.String(),
        }),
      }),
      { maxItems: certificatesMax },
    ),
  }),
);

type Certificates =
  | { readonly kind: "certificates"; readonly keys: ReadonlyMap<string, PlatformKey> }
  | { readonly kind: "failed"; readonly why: string };

/**
 * GET /v3/certificates. Nothing is trusted yet when it is called first: the APIv3 key, which only
 * WeChat Pay and the merchant have, proves the certificates, and one of them then proves the reply.
 */
async function fetchCertificates(
  wire: Wire,
  account: WechatpayAccount,
  signal: AbortSignal,
): Promise<Certificates> {
  const request = { method: "GET", path: "/v3/certificates" } as const;
  const reply = await sendSigned(wire, account, request, signal);
  if (reply.kind === "no_reply") return failed(reply.why);
  if (reply.status !== 200) return failed(`WeChat Pay answered ${reply.status}`);
  const list = readAs(Certificates, parseJson(reply.body));
  if (list === undefined) return failed("the list of certificates cannot be read");

  const keys = new Map<string, PlatformKey>();
  for (const { serial_no, encrypt_certificate } of list.data) {
    const pem = decryptResource(account.config.apiV3Key, encrypt_certificate);
    if (pem === undefined) return failed("the APIv3 key does not decrypt the certificates");
    const key = parsePlatformKey(serial_no, pem.toString());
    // An SM2 certificate may stand in the list too; it is none of those we can use.
    if (key !== undefined) keys.set(normalSerial(serial_no), key);
  }
  const headers = readSignatureHeaders((name) => reply.headers.get(name));
  if (headers === undefined) return failed("the list of certificates is unsigned");
  const fault = faultBeforeKey(headers, wire.clock.now());
  if (fault !== undefined) return failed(fault);
  const signer = keys.get(normalSerial(headers.serial));
  if (signer === undefined || !isSignedBy(signer.key, headers, reply.body)) {
    return failed("the list of certificates is not signed by one of them");
  }
  return { kind: "certificates", keys };
}

function failed(why: string): Certificates {
  return { kind: "failed", why: `certificates could not be fetched: ${why}` };
}
