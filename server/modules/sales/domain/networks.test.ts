import { expect, test } from "vitest";
import { networkOf } from "./networks.ts";

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8:0:0:1::", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  // A socket that listens for both shows IPv4 so.
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["::ffff:cb00:7109", "203.0.113.9"],
  ["::203.0.113.9", "0:0:0:0::/64"],
  // What a proxy may pass on unread is one network, however it is varied.
  ["", "unknown"],
  ["203.0.113.9:4711", "unknown"],
  ["]@example.com/", "unknown"],
  ["2001:db8::1::2", "unknown"],
  ["_hidden", "unknown"],
])("%s belongs to %s [FLS-09]", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
