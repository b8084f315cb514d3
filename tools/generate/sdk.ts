import openapiTS, { astToString } from "openapi-typescript";
import { openapiDocument } from "./openapi.ts";

const head = `// Generated from openapi.json by \`npm run generate\`.

`;

interface Parameter {
  readonly name?: string;
}

/** The types of `sdk/`: every path, its parameters, bodies and answers. */
export async function sdkTypes(): Promise<string> {
  const document: object = JSON.parse(await openapiDocument(), withoutDuty);
  return head + astToString(await openapiTS(JSON.stringify(document)));
}

/** The API wants a key with each write. The client makes one, so its callers need not. */
function withoutDuty(_key: string, value: unknown): unknown {
  const isKey = isParameter(value) && value.name === "Idempotency-Key";
  return isKey ? { ...value, required: false } : value;
}

function isParameter(value: unknown): value is Parameter {
  return typeof value === "object" && value !== null && "in" in value && "name" in value;
}
