/** What all destinations have in common: the context of a check, the order of members, what delivers objects. */
import type { WireValue } from '../../protocol/wire-value.ts';
import type { Quotas } from '../../quotas.ts';
import type { Compression } from '../compression.ts';
import { accessDenied, invalidArgument } from '../errors.ts';

export interface DestinationContext {
  readonly account: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly quotas: Quotas;
  /** Turns a password into text that may be stored. */
  readonly seal: (secret: string) => string;
}

/** When a buffer is due. */
export interface Buffering {
  readonly sizeBytes: number;
  readonly intervalMs: number;
}

/** How objects are made of buffered records. */
export interface ObjectSettings extends Buffering {
  readonly bucket: string;
  readonly prefix?: string;
  /** Stands in keys in place of the delivery stream's name. */
  readonly objectName?: string;
  /** An IANA name; UTC when it is absent. */
  readonly timeZone?: string;
  readonly fileExtension?: string;
  readonly compression: Compression;
  readonly kmsKeyArn?: string;
}

/** Objects that are copied into a table afterwards. */
export interface RedshiftSettings extends ObjectSettings {
  readonly kind: 'redshift';
}

/** Documents of an index; those that fail become objects. */
export interface SearchSettings extends ObjectSettings {
  readonly kind: 'search';
  readonly errorOutputPrefix?: string;
  readonly indexName: string;
  readonly rotation: 'NoRotation' | 'OneHour' | 'OneDay' | 'OneWeek' | 'OneMonth';
  /** Empty: none. */
  readonly typeName: string;
  readonly idFormat: 'FIREHOSE_DEFAULT' | 'NO_DOCUMENT_ID';
}

/** What becomes of the records in a buffer, as far as it is fixed when a batch is planned. */
export type DeliverySettings = ({ readonly kind: 'object' } & ObjectSettings) | RedshiftSettings | SearchSettings;

interface Hints {
  readonly SizeInMBs: number;
  readonly IntervalInSeconds: number;
}

/** What AWS calls MB is a MiB. */
export const bufferingFrom = ({ SizeInMBs, IntervalInSeconds }: Hints): Buffering => ({
  sizeBytes: SizeInMBs * 1024 * 1024,
  intervalMs: IntervalInSeconds * 1000,
});

/** `base` with those members of `members` that are there in place of its own. */
export function overlaid<T extends object>(
  base: T,
  members: { readonly [K in keyof T]?: T[K] | undefined } | undefined,
): T {
  const present = Object.entries(members ?? {}).filter(([, member]) => member !== undefined);
  return { ...base, ...Object.fromEntries(present) };
}

/** The same value with the members of all structures in alphabetical order, as AWS prints them. */
export function inOrder<T>(value: T): T & WireValue {
  if (typeof value !== 'object' || value === null) return value as never;
  if (Array.isArray(value)) return value.map(inOrder) as never;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, inOrder(member)])) as never;
}

/**
 * Roles are not assumed here, but on AWS they must belong to the caller. Who uses Millrace with relaxed quotas often has
 * made up both.
 * @throws ApiError AccessDeniedException
 */
export function assertOwnRole(
  roleArn: string,
  { account, quotas }: Pick<DestinationContext, 'account' | 'quotas'>,
): void {
  if (quotas.profile === 'relaxed' || roleArn.split(':')[4] === account) return;
  throw accessDenied('Cross-account pass role is not allowed.');
}

/** @throws ApiError InvalidArgumentException when `value` is not there. */
export function given<T>(value: T | undefined, sentence: string): T {
  if (value === undefined) throw invalidArgument(sentence);
  return value;
}
