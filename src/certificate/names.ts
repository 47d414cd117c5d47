/** The names under which clients may reach the server, for a certificate that all of them accept. */
import { isIP } from 'node:net';

/** The public regions of AWS, of China and of the European cloud, as of November 2026. AWS_REGION adds one that is missing. */
const REGIONS = [
  ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'us-gov-east-1', 'us-gov-west-1'],
  ...['ca-central-1', 'ca-west-1', 'mx-central-1', 'sa-east-1'],
  ...['eu-central-1', 'eu-central-2', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-2', 'eu-west-3'],
  ...['ap-east-1', 'ap-east-2', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-south-2'],
  ...['ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5', 'ap-southeast-6'],
  ...['ap-southeast-7', 'eusc-de-east-1'],
  ...['af-south-1', 'il-central-1', 'me-central-1', 'me-south-1', 'cn-north-1', 'cn-northwest-1'],
];

/** Of hosts that take the account id, the wildcards for the region that is configured. */
const ACCOUNT_HOSTS = ['*.control-kinesis', '*.data-kinesis'];

const LOCAL = ['localhost', '127.0.0.1', '::1', 'host.docker.internal'];

export interface NameOptions {
  /** The address or name that is listened on. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly region: string;
}

/** Host names and IP addresses, without repetition. */
export function certificateNames({ host, allowedHosts, region }: NameOptions): readonly string[] {
  const listening = ['0.0.0.0', '::'].includes(host) ? [] : [withoutMapping(host.toLowerCase())];
  const named = allowedHosts.filter((name) => isIP(name) !== 0 || !name.includes('_'));
  const services = [...REGIONS, region].flatMap((of) => [`kinesis.${domainOf(of)}`, `firehose.${domainOf(of)}`]);
  const accounts = ACCOUNT_HOSTS.map((label) => `${label}.${domainOf(region)}`);
  return [...new Set([...LOCAL, ...listening, ...named, ...services, ...accounts])];
}

function domainOf(region: string): string {
  if (region.startsWith('cn-')) return `${region}.amazonaws.com.cn`;
  return `${region}.amazonaws.${region.startsWith('eusc-') ? 'eu' : 'com'}`;
}

/** An IPv4 address that is written as one of IPv6 is found in certificates under its own form only. */
const withoutMapping = (address: string) => address.replace(/^::ffff:(\d+\.\d+\.\d+\.\d+)$/, '$1');
