/**
 * Addresses that deliveries may connect to. The configuration of a delivery stream names hosts, and whoever may create
 * one could otherwise make the server call the services that clouds keep at link-local addresses.
 */
import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';

const forbidden = new BlockList();
forbidden.addSubnet('169.254.0.0', 16, 'ipv4');
forbidden.addSubnet('0.0.0.0', 8, 'ipv4');
forbidden.addSubnet('224.0.0.0', 3, 'ipv4');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('ff00::', 8, 'ipv6');
forbidden.addAddress('::', 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/**
 * The address of a host, which is then the one to connect to: asked again, a name server might answer otherwise.
 * @throws Error with one sentence when it has none, or one that nothing is delivered to
 */
export const resolveHost = (host: string): Promise<string> =>
  new Promise((resolve, reject) => {
    guardedLookup(host, { all: false }, (error, address) => (error ? reject(error) : resolve(address as string)));
  });

/** As Node's `lookup`, for its sockets; it fails for addresses that nothing is delivered to. */
export const guardedLookup: LookupFunction = (host, options, callback) => {
  // IPv4 first: servers on this machine often listen on it alone.
  lookup(host, { ...options, all: true, order: 'ipv4first' }, (error, found) => {
    const refusal = error ? unknownHost(host, error) : refusalOf(host, found);
    if (refusal !== undefined) callback(refusal, '', 0);
    else if (options.all) callback(null, found);
    else callback(null, found[0]!.address, found[0]!.family);
  });
};

/** An error when `host` is an address that nothing is delivered to; sockets look up names only. */
export const refusalOfAddress = (host: string): Error | undefined =>
  isIP(host) ? refusalOf(host, [{ address: host, family: isIP(host) }]) : undefined;

function refusalOf(host: string, found: readonly LookupAddress[]): Error | undefined {
  // The block list also knows IPv4 addresses in IPv6 clothes.
  const bad = found.find(({ address }) => forbidden.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'));
  if (bad === undefined) return undefined;
  const what = bad.address === host ? host : `${host} (${bad.address})`;
  return new Error(`Nothing is delivered to ${what}: it is link-local or stands for no host`);
}

const unknownHost = (host: string, { code }: NodeJS.ErrnoException): Error =>
  Object.assign(new Error(`The host ${host} is not known (${code})`), { code: 'ENOTFOUND' });

/** Whether a host is one of AWS, for which Millrace or a server of the user's stands in. */
export const isAwsHost = (host: string): boolean => /\.amazonaws\.com(\.cn)?$/i.test(host);
