-- Orders for wrk, the same that requests.ts writes: each has an Idempotency-Key of its own and the
-- next SKU of the list. At the end one line of JSON tells what was sent and what came back.
local cell = dofile(os.getenv("BENCH_CELL"))
local head = "POST /v1/orders HTTP/1.1\r\nHost: " .. cell.host
  .. "\r\nAuthorization: Bearer " .. cell.token
  .. "\r\nContent-Type: application/json\r\nIdempotency-Key: " .. cell.run .. "-"

sent = 0
created = 0
shed = 0

function request()
  sent = sent + 1
  local at = sent % #cell.skus + 1
  local sku = cell.skus[at]
  local sale = cell.sales[at] and '"saleId":"' .. cell.sales[at] .. '",' or ""
  local member = (cell.firstMember + sent * 7919) % cell.members
  local body = '{' .. sale .. '"memberId":"m-' .. member
    .. '","lines":[{"skuId":"' .. sku .. '","quantity":1}]}'
  return head .. sent .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status)
  if status >= 200 and status <= 299 then created = created + 1 end
  if status == 503 then shed = shed + 1 end
end

local threads = {}
function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local thread = threads[1]
  local errors = summary.errors
  local created = thread:get("created")
  io.write(string.format(
    'RESULT {"sent":%d,"answered":%d,"created":%d,"shed":%d,"broken":%d,"counted":%d,'
      .. '"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f}\n',
    thread:get("sent"), summary.requests, created, thread:get("shed"),
    errors.connect + errors.read + errors.write + errors.timeout, created,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
