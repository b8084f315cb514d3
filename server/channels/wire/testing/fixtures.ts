/** Keys and vectors for the channels' tests. The keys were made for these tests alone. */
import { readFileSync } from "node:fs";
import Type from "typebox";
import type { Static, TSchema } from "typebox";
import { Parse } from "typebox/value";

const Signer = Type.Object({ serial: Type.String(), privateKey: Type.String() });
const CertifiedSigner = Type.Object({ ...Signer.properties, certificate: Type.String() });

/** `platformOld` is followed by `platformNew` when keys change; nobody trusts `stranger`. */
export const keys = read(
  "keys.json",
  Type.Object({
    merchant: Signer,
    platformOld: CertifiedSigner,
    platformNew: CertifiedSigner,
    stranger: CertifiedSigner,
  }),
);

const Text = Type.Record(Type.String(), Type.String());
const vectorFile = read(
  "vectors.json",
  Type.Object({
    keys: Type.Record(Type.String(), Text),
    serials: Text,
    vectors: Type.Array(
      Type.Object({
        id: Type.String(),
        message: Type.Optional(Type.String()),
        signature: Type.Optional(Type.String()),
        authorization: Type.Optional(Type.String()),
        api_v3_key: Type.Optional(Type.String()),
        headers: Type.Optional(Text),
        body: Type.Optional(Type.String()),
        plaintext: Type.Optional(Type.String()),
        params: Type.Optional(Text),
        form: Type.Optional(Type.String()),
      }),
    ),
  }),
);

export const vectorKeys = vectorFile.keys;
export const vectorSerials = vectorFile.serials;

export function vector(id: string) {
  const found = vectorFile.vectors.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no vector ${id}`);
  return found;
}

function read<Schema extends TSchema>(file: string, shape: Schema): Static<Schema> {
  return Parse(shape, JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")));
}
