/** The replies of Alipay's gateway: one node under the method's name, signed as printed. */
import { signRsa2 } from "./signature.ts";

/** The content of the node; Alipay writes every value as text. */
export interface AlipayNode {
  readonly code: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export const ok = (fields: object): AlipayNode => ({ code: "10000", msg: "Success", ...fields });

/** The door's own refusals, before any business: 40001, 40002, 40005, 40006. */
export function refuseAtDoor(code: string, subCode: string, subMessage: string): AlipayNode {
  const messages: Readonly<Record<string, string>> = {
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40005": "Call Limited",
  };
  return { code, msg: messages[code] ?? "", sub_code: subCode, sub_msg: subMessage };
}

export function refuse(subCode: string, subMessage: string): AlipayNode {
  return { code: "40004", msg: "Business Failed", sub_code: subCode, sub_msg: subMessage };
}

/** "alipay.trade.query" answers under "alipay_trade_query_response". */
export const nodeNameOf = (method: string): string => `${method.replaceAll(".", "_")}_response`;

/**
 * The text of a reply. Merchants verify the raw characters of the node, so the signature is over
 * exactly what is printed. Without a key the reply goes unsigned, as early failures do.
 */
export function printReply(parts: {
  readonly nodeName: string;
  readonly node: AlipayNode;
  readonly privateKeyPem: string | undefined;
  readonly escapesSlashes: boolean;
  readonly signsWrong: boolean;
}): string {
  const plain = JSON.stringify(parts.node);
  const node = parts.escapesSlashes ? plain.replaceAll("/", "\\/") : plain;
  if (parts.privateKeyPem === undefined) return `{"${parts.nodeName}":${node}}`;
  const signature = signRsa2(parts.signsWrong ? `${node} ` : node, parts.privateKeyPem);
  return `{"${parts.nodeName}":${node},"sign":"${signature}"}`;
}
