/** The replies of WeChat Pay: an HTTP status and a JSON body, or the error shape of APIv3. */

export interface WechatAnswer {
  readonly status: number;
  /** Absent for 204. */
  readonly body?: object;
}

export const ok = (body: object): WechatAnswer => ({ status: 200, body });

export function refuse(
  status: number,
  code: string,
  message: string,
  detail?: object,
): WechatAnswer {
  const body = detail === undefined ? { code, message } : { code, message, detail };
  return { status, body };
}

/** One wrong field, pointed at as the provider does. */
export interface FieldProblem {
  readonly field: string;
  readonly value: unknown;
  readonly issue: string;
  readonly location: "body" | "query" | "uri" | "header";
}

export function paramError(problem: FieldProblem): WechatAnswer {
  return refuse(400, "PARAM_ERROR", `参数错误: ${problem.field} ${problem.issue}`, problem);
}
