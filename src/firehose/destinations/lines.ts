/**
 * Objects in which every line is a record, and others for the records that make no line: what channels of streams
 * deliver. No operation of this service makes or shows such a destination. Pure.
 */
import type { DeliverySettings } from './settings.ts';

export type LineFormat = 'JSON' | 'STRING' | 'BYTE_ARRAY';

/** Where objects go: a bucket, and what their keys begin with (see key-prefix.ts). */
export interface LinesPlace {
  readonly bucket: string;
  readonly prefix?: string | undefined;
}

export interface LinesDescription extends LinesPlace {
  readonly format: LineFormat;
  readonly compression: 'UNCOMPRESSED' | 'GZIP' | 'ZSTD';
  /** In the keys of the objects, where those of a delivery stream have its name. */
  readonly objectName: string;
  /** Where the records go that make no line. */
  readonly deadLetters: LinesPlace;
  /** How old a record may get before it is delivered. */
  readonly freshnessMs: number;
}

/** Enough that only much traffic cuts what the freshness would gather; four times as much may wait in the database. */
const SIZE_BYTES = 64 * 1024 * 1024;

const settingsOf = (
  { bucket, prefix }: LinesPlace,
  { freshnessMs, objectName }: LinesDescription,
  compression: LinesDescription['compression'],
): DeliverySettings => ({
  kind: 'object',
  bucket,
  ...(prefix === undefined ? {} : { prefix }),
  objectName,
  compression,
  sizeBytes: SIZE_BYTES,
  intervalMs: freshnessMs,
});

export const lineSettings = (description: LinesDescription): DeliverySettings =>
  settingsOf(description, description, description.compression);

/** They are for people, who read them without unpacking. */
export const deadLetterSettings = (description: LinesDescription): DeliverySettings =>
  settingsOf(description.deadLetters, description, 'UNCOMPRESSED');
