import type { Secrets } from "./secrets.ts";

/** Claims that callers carry and bring back: written nowhere, the signature proves them ours. */
export interface SignedTexts {
  /** `<base64url of JSON>.<signature>`. */
  write(claims: readonly unknown[]): string;
  /** The claims as they were written; undefined for a text that we have not signed for this. */
  read(text: string): unknown;
}

/** The longest that we write have about 400 characters. */
export const signedTextMax = 1_024;

/** `purpose`: what they are for; no text signed for another purpose is taken for one of them. */
export function createSignedTexts(secrets: Secrets, purpose: string): SignedTexts {
  return {
    write(claims) {
      const written = Buffer.from(JSON.stringify(claims)).toString("base64url");
      return `${written}.${secrets.sign(written, purpose)}`;
    },

    read(text) {
      if (text.length > signedTextMax) return undefined;
      const [written, signature, ...rest] = text.split(".");
      if (written === undefined || signature === undefined || rest.length > 0) return undefined;
      if (!secrets.isSigned(written, signature, purpose)) return undefined;
      return JSON.parse(Buffer.from(written, "base64url").toString("utf8"));
    },
  };
}
