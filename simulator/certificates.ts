/**
 * RSA key pairs and self-signed X.509 certificates. Node reads certificates but does not write
 * them, so the few DER pieces of a version 1 certificate (RFC 5280, 4.1) stand here.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { randomHex } from "./random.ts";

export interface KeyPair {
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
}

const generate = promisify(generateKeyPair);

/** 2048 bits is what both channels ask for. */
export async function createKeyPair(): Promise<KeyPair> {
  const pair = await generate("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  return { privateKeyPem: pair.privateKey, publicKeyPem: pair.publicKey };
}

/** 40 hexadecimal digits; the first is below 8, or DER would read a negative number. */
export function createSerial(): string {
  return `5${randomHex(39)}`;
}

export function selfSignedCertificate(
  pair: KeyPair,
  subject: {
    readonly commonName: string;
    readonly serial: string;
    readonly validFrom: number;
    readonly validUntil: number;
  },
): string {
  const algorithm = sequence(objectId(sha256WithRsa), Buffer.from([0x05, 0x00]));
  const name = distinguishedName(subject.commonName);
  const content = sequence(
    der(0x02, Buffer.from(subject.serial, "hex")),
    algorithm,
    name,
    sequence(time(subject.validFrom), time(subject.validUntil)),
    name,
    createPublicKey(pair.publicKeyPem).export({ type: "spki", format: "der" }),
  );
  const signature = sign("sha256", content, privateKeyOf(pair.privateKeyPem));
  // A bit string starts with the number of unused bits: none.
  const certificate = sequence(content, algorithm, der(0x03, Buffer.from([0]), signature));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** Parsing a PEM costs as much as verifying with it; the world has few keys and uses them often. */
const parsed = new Map<string, KeyObject>();
const parsedMax = 1_000;

export const privateKeyOf = (pem: string): KeyObject => keyOf(pem, createPrivateKey);
export const publicKeyOf = (pem: string): KeyObject => keyOf(pem, createPublicKey);

function keyOf(pem: string, parse: (pem: string) => KeyObject): KeyObject {
  const known = parsed.get(pem);
  if (known !== undefined) return known;
  if (parsed.size >= parsedMax) parsed.clear();
  const key = parse(pem);
  parsed.set(pem, key);
  return key;
}

const sha256WithRsa = "2a864886f70d01010b"; // 1.2.840.113549.1.1.11
const attributes = { country: "550406", organization: "55040a", commonName: "550403" };

function distinguishedName(commonName: string): Buffer {
  return sequence(
    attribute(attributes.country, der(0x13, Buffer.from("CN"))),
    attribute(attributes.organization, der(0x0c, Buffer.from("Simulated"))),
    attribute(attributes.commonName, der(0x0c, Buffer.from(commonName))),
  );
}

function attribute(id: string, value: Buffer): Buffer {
  return der(0x31, sequence(objectId(id), value));
}

/** RFC 5280, 4.1.2.5: two digits of the year until 2049, four from 2050 on. */
function time(at: number): Buffer {
  const digits = `${new Date(at).toISOString().slice(0, 19).replaceAll(/\D/g, "")}Z`;
  return digits < "2050" ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);

/** Tag, length, content. A length above 127 is written as its byte count and its bytes. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 128) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}
