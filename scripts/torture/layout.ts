/** What there is in every world: its streams, delivery streams and the names of what clients own. */

export const ACCOUNT = '000000000000';
export const BUCKET = 'torture';

export interface StreamPlan {
  readonly name: string;
  readonly shards: number;
  /** Whether some records are put with an ExplicitHashKey. */
  readonly isExplicit: boolean;
  readonly isResharded: boolean;
}

/** Read by a delivery stream; the records of one partition key stay in order, so none has an ExplicitHashKey. */
export const SOURCE = 'source';

export const STREAMS: readonly StreamPlan[] = [
  { name: 'plain', shards: 4, isExplicit: true, isResharded: false },
  { name: 'wide', shards: 7, isExplicit: false, isResharded: false },
  { name: 'fluid', shards: 2, isExplicit: true, isResharded: true },
  { name: SOURCE, shards: 2, isExplicit: false, isResharded: true },
];

export const DIRECT = 'direct';
export const SOURCED = 'sourced';
export const DELIVERY_STREAMS = [DIRECT, SOURCED] as const;

/** Keys of objects begin with the delivery stream's name as a directory. */
export const prefixOf = (deliveryStream: string): string => `${deliveryStream}/`;

/** Streams of these names are created and deleted again and again; `owner` is the slot of the client that does it. */
export const passingName = (owner: number): string => `passing-${owner}`;
export const isPassing = (name: string): boolean => name.startsWith('passing-');

/** The target of puts into a stream's so-and-so-manieth life, and how its cell says that it is there. */
export const lifeOf = (name: string, life: string): string => `${name}#${life}`;

/** The stream of a target, and in which of its lives; empty for those that have one only. */
export function targetParts(target: string): { readonly stream: string; readonly life: string } {
  const at = target.indexOf('#');
  return at === -1 ? { stream: target, life: '' } : { stream: target.slice(0, at), life: target.slice(at + 1) };
}

export const streamCell = (name: string): string => `stream ${name}`;
export const tagCell = (service: 'kinesis' | 'firehose', resource: string, key: string): string =>
  `tag ${service} ${resource} ${key}`;
export const tagKey = (owner: number): string => `owner-${owner}`;

/** A consumer is there or not; what is not as a new stream has it is the state of a setting. */
export const consumerCell = (stream: string, name: string): string => `consumer ${stream} ${name}`;
export const consumerName = (owner: number): string => `reader-${owner}`;
export const settingCell = (setting: 'retention' | 'encryption' | 'policy', stream: string): string =>
  `${setting} ${stream}`;

/** The retention that a new stream has, which is no state of the setting. */
export const NEW_HOURS = 24;

/** Streams whose settings change: they are not resharded, which would be in the way. */
export const SET_STREAMS = ['plain', 'wide'] as const;

export const streamArn = (name: string): string => `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${name}`;

export const mayBeExplicit = (stream: string): boolean =>
  STREAMS.some(({ name, isExplicit }) => name === stream && isExplicit);

/** 128-bit integers: in decimal as the API has them, in 32 hexadecimal digits as they are compared here. */
export const decimalOf = (hex: string): string => BigInt(`0x${hex}`).toString();
export const hexOfDecimal = (decimal: string): string => BigInt(decimal).toString(16).padStart(32, '0');

export const shardIdOf = (index: number): string => `shardId-${String(index).padStart(12, '0')}`;
export const indexOfShard = (shardId: string): number => Number(shardId.slice('shardId-'.length));
