import type { Static, TSchema } from "typebox";
import type { Validator } from "typebox/compile";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Undefined unless the bytes are UTF-8 and JSON, without a NUL in its texts: no channel means one,
 * and PostgreSQL could not keep what it is in, so that the answer would never be recorded.
 */
export function parseJson(bytes: Uint8Array): unknown {
  return parseJsonText(decodeUtf8(bytes) ?? "");
}

export function parseJsonText(text: string): unknown {
  if (text.includes("\\u0000")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Undefined unless the bytes are UTF-8: a replacement character would hide what was signed. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The value when it has the shape, else undefined. Fields beyond the shape are left alone. */
export function readAs<Schema extends TSchema>(
  shape: Validator<{}, Schema>,
  value: unknown,
): Static<Schema> | undefined {
  return shape.Check(value) ? value : undefined;
}

/** The first fault of a configuration: which field, and what is allowed there. */
export function firstFault(
  shape: Validator<{}, TSchema>,
  value: unknown,
): { field: string; allowed: string } {
  const [error] = shape.Errors(value);
  if (error === undefined) return { field: "", allowed: "" };
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  if (error.keyword === "required") {
    const [missing = ""] = error.params.requiredProperties;
    return { field: path === "" ? missing : `${path}.${missing}`, allowed: "must be there" };
  }
  return { field: path, allowed: error.message };
}
