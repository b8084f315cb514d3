/** Which part of an address is one subscriber's. */

const ipv4Pattern = /^\d{1,3}(\.\d{1,3}){3}$/;
const ipv6Pattern = /^[0-9a-f:.]+$/i;
const groupsOfIpv6 = 8;
/** The half that names the network; the other half is chosen freely inside of it (RFC 4291). */
const groupsOfNetwork = 4;

/**
 * An address of IPv4 as it is, one of IPv6 by its /64: whoever has one address there has all of
 * them. What is no address, from a proxy that tells none, counts as one network.
 */
export function networkOf(address: string): string {
  if (ipv4Pattern.test(address)) return address;
  const groups = groupsOf(address);
  if (groups === undefined) return "unknown";
  const [last = 0, first = 0] = groups.toReversed();
  // ::ffff:0:0/96 is IPv4, as a socket for both shows it (RFC 4291, 2.5.5.2).
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return [first >> 8, first & 0xff, last >> 8, last & 0xff].join(".");
  const named = groups.slice(0, groupsOfNetwork).map((group) => group.toString(16));
  return `${named.join(":")}::/64`;
}

/** The eight numbers of an address of IPv6; undefined for anything else. */
function groupsOf(address: string): number[] | undefined {
  const [plain = ""] = address.split("%", 1);
  const url = ipv6Pattern.test(plain) ? URL.parse(`http://[${plain}]/`) : null;
  if (url === null) return undefined;
  // The standard of URLs writes it in one form: hexadecimal, at most one `::`.
  const [left = [], right = []] = url.hostname
    .slice(1, -1)
    .split("::")
    .map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: groupsOfIpv6 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}
