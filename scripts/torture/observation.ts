/** What the server and its files showed to an observer after a load: the other half of what the checker compares. */
import type { BodyName, ReadBody } from './bodies.ts';

export interface Observation {
  /** `since`: of records only those that came after the last check. */
  readonly extent: 'since' | 'all';
  readonly streams: readonly ObservedStream[];
  /** Delivery streams of every world that are not there. */
  readonly missing?: readonly string[];
  /** Cells that were looked at, with their states. */
  readonly cells: Readonly<Record<string, string>>;
  /** Delivered objects, after a flush; undefined when nobody looked. */
  readonly objects?: readonly ObservedObject[];
  /** Objects that were removed by hand and are there again. */
  readonly returned: readonly string[];
  /** What stayed as it should not: one sentence each. */
  readonly stuck: readonly string[];
  /** What is wrong with the database itself: one sentence each. */
  readonly database: readonly string[];
}

export interface ObservedStream {
  readonly name: string;
  readonly status: string;
  readonly shards: readonly ObservedShard[];
}

export interface ObservedShard {
  readonly index: number;
  /** Hash keys in 32 hexadecimal digits, both inclusive. */
  readonly from: string;
  readonly to: string;
  readonly isOpen: boolean;
  /** Indices: of a split one, of a merge two. */
  readonly parents: readonly number[];
  /** The newest record that an earlier check has seen. */
  readonly before: { readonly number: string; readonly arrivedMs: number } | null;
  readonly records: readonly ObservedRecord[];
}

export interface ObservedRecord {
  readonly number: string;
  readonly arrivedMs: number;
  readonly partitionKey: string;
  /** Null: it is none of ours. */
  readonly body: ReadBody | null;
}

export interface ObservedObject {
  /** Below the directory of objects. */
  readonly path: string;
  readonly deliveryStream: string;
  readonly bodies: readonly (BodyName & { readonly size: number; readonly isIntact: boolean })[];
  /** Bytes at its end that are no body; or -1 when it cannot be decompressed. */
  readonly restBytes: number;
}
