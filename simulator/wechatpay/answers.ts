/** The replies of WeChat Pay: an HTTP status and a JSON body, or the error shape of APIv3. */
import type { FieldProblem } from "../fields.ts";

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

/** The provider points at the wrong field in the same shape. */
export function paramError(problem: FieldProblem): WechatAnswer {
  return refuse(400, "PARAM_ERROR", `参数错误: ${problem.field} ${problem.issue}`, problem);
}
