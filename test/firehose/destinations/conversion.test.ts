/** The conversion of formats, which is kept and shown while it is switched off. */
import { describe, expect, it } from 'vitest';
import {
  createDestination,
  type Destination,
  type DestinationContext,
  describeDestination,
  isSameDestination,
  updateDestination,
} from '../../../src/firehose/destinations/destination.ts';
import { createDeliveryStreamInput, updateDestinationInput } from '../../../src/firehose/shapes.ts';
import { json } from '../../../src/protocol/json.ts';
import { quotasOf } from '../../../src/quotas.ts';

const CONTEXT: DestinationContext = {
  account: '000000000000',
  region: 'us-east-1',
  now: Date.UTC(2026, 10, 21),
  quotas: quotasOf('relaxed'),
  seal: (secret) => secret,
};
const S3 = { RoleARN: 'arn:aws:iam::000000000000:role/r', BucketARN: 'arn:aws:s3:::b' };

/** As it comes back from the database. */
const stored = (destination: Destination): Destination => JSON.parse(JSON.stringify(destination));

function created(conversion: object): Destination {
  const DataFormatConversionConfiguration = { Enabled: false, ...conversion };
  const input = { ExtendedS3DestinationConfiguration: { ...S3, DataFormatConversionConfiguration } };
  return stored(createDestination(json.decode(createDeliveryStreamInput, input), CONTEXT));
}

function updated(current: Destination, conversion: object): Destination {
  const DataFormatConversionConfiguration = { Enabled: false, ...conversion };
  const input = { ExtendedS3DestinationUpdate: { DataFormatConversionConfiguration } };
  return stored(updateDestination(current, json.decode(updateDestinationInput, input), CONTEXT));
}

/** What a client reads in the description. */
function shown(destination: Destination) {
  const { ExtendedS3DestinationDescription } = JSON.parse(String(json.encode(describeDestination(destination))));
  return ExtendedS3DestinationDescription.DataFormatConversionConfiguration;
}

const openX = (members: object) => ({ InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: members } } });
const hive = (members: object) => ({ InputFormatConfiguration: { Deserializer: { HiveJsonSerDe: members } } });
const parquet = (members: object) => ({ OutputFormatConfiguration: { Serializer: { ParquetSerDe: members } } });

describe('a conversion that is switched off is shown as it was sent:', () => {
  it.each<[string, object]>([
    ['nothing more', {}],
    ['a schema', { SchemaConfiguration: { DatabaseName: 'd', TableName: 't' } }],
    ['empty formats', { ...openX({}), ...parquet({}) }],
    ['lists', hive({ TimestampFormats: ['millis', 'yyyy'] })],
    ['numbers with fractions', { OutputFormatConfiguration: { Serializer: { OrcSerDe: { PaddingTolerance: 0.05 } } } }],
    ['a mapping of columns', openX({ CaseInsensitive: true, ColumnToJsonKeyMappings: { ts: 'timestamp' } })],
    ['a column that is called __proto__', openX({ ColumnToJsonKeyMappings: JSON.parse('{"__proto__":"p"}') })],
    ['a column with quotes and backslashes', openX({ ColumnToJsonKeyMappings: { 'a"b\\c': 'd' } })],
  ])('%s', (_title, conversion) => {
    expect(shown(created(conversion))).toStrictEqual({ Enabled: false, ...conversion });
  });
});

describe('an update of a conversion', () => {
  const before = {
    ...openX({ CaseInsensitive: true, ColumnToJsonKeyMappings: { ts: 'timestamp' } }),
    ...parquet({ Compression: 'GZIP' }),
    SchemaConfiguration: { DatabaseName: 'd', TableName: 't' },
  };

  it.each<[string, object, object]>([
    ['keeps what is not given', {}, {}],
    [
      'merges the schema',
      { SchemaConfiguration: { TableName: 'u' } },
      { SchemaConfiguration: { DatabaseName: 'd', TableName: 'u' } },
    ],
    [
      'merges the output format',
      parquet({ WriterVersion: 'V2' }),
      parquet({ Compression: 'GZIP', WriterVersion: 'V2' }),
    ],
    [
      'merges the input format, but not its mapping',
      openX({ ColumnToJsonKeyMappings: { id: 'identity' } }),
      openX({ CaseInsensitive: true, ColumnToJsonKeyMappings: { id: 'identity' } }),
    ],
  ])('%s', (_title, update, changes) => {
    expect(shown(updated(created(before), update))).toEqual({ Enabled: false, ...before, ...changes });
  });

  it('replaces lists', () => {
    const after = updated(created(hive({ TimestampFormats: ['millis', 'yyyy'] })), hive({ TimestampFormats: ['MM'] }));
    expect(shown(after)).toEqual({ Enabled: false, ...hive({ TimestampFormats: ['MM'] }) });
  });

  it('is noticed when only the mapping differs, and only then', () => {
    const current = created(before);
    const mapped = (key: string) => updated(current, openX({ ColumnToJsonKeyMappings: { ts: key } }));
    expect(isSameDestination(current, mapped('timestamp'))).toBe(true);
    expect(isSameDestination(current, mapped('time'))).toBe(false);
  });
});
