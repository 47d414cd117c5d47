/** Inputs that ask for other data than what was put: processors, conversion of formats, dynamic partitioning. */
import { boolean, integer, list, map, oneOf, required, string, structure } from '../../protocol/shape.ts';
import { blockSizeBytes, nonEmptyString, nonEmptyStringWithoutWhitespace, proportion } from './scalars.ts';

const processorParameter = structure({
  ParameterName: required(
    oneOf(
      'LambdaArn',
      'NumberOfRetries',
      'MetadataExtractionQuery',
      'JsonParsingEngine',
      'RoleArn',
      'BufferSizeInMBs',
      'BufferIntervalInSeconds',
      'SubRecordType',
      'Delimiter',
      'CompressionFormat',
      'DataMessageExtraction',
    ),
  ),
  ParameterValue: required(string({ min: 1, max: 5120, pattern: '^(?!\\s*$).+' })),
});

const processor = structure({
  Type: required(
    oneOf(
      'RecordDeAggregation',
      'Decompression',
      'CloudWatchLogProcessing',
      'Lambda',
      'MetadataExtraction',
      'AppendDelimiterToRecord',
    ),
  ),
  Parameters: list(processorParameter),
});

export const processingConfiguration = structure({
  Enabled: boolean(),
  Processors: list(processor),
});

const schemaConfiguration = structure({
  RoleARN: nonEmptyStringWithoutWhitespace,
  CatalogId: nonEmptyStringWithoutWhitespace,
  DatabaseName: nonEmptyStringWithoutWhitespace,
  TableName: nonEmptyStringWithoutWhitespace,
  Region: nonEmptyStringWithoutWhitespace,
  VersionId: nonEmptyStringWithoutWhitespace,
});

const openXJsonSerDe = structure({
  ConvertDotsInJsonKeysToUnderscores: boolean(),
  CaseInsensitive: boolean(),
  ColumnToJsonKeyMappings: map(nonEmptyStringWithoutWhitespace, nonEmptyString),
});

const hiveJsonSerDe = structure({
  TimestampFormats: list(nonEmptyString),
});

const deserializer = structure({
  OpenXJsonSerDe: openXJsonSerDe,
  HiveJsonSerDe: hiveJsonSerDe,
});

const inputFormatConfiguration = structure({
  Deserializer: deserializer,
});

const parquetSerDe = structure({
  BlockSizeBytes: blockSizeBytes,
  PageSizeBytes: integer({ min: 65_536 }),
  Compression: oneOf('UNCOMPRESSED', 'GZIP', 'SNAPPY'),
  EnableDictionaryCompression: boolean(),
  MaxPaddingBytes: integer({ min: 0 }),
  WriterVersion: oneOf('V1', 'V2'),
});

const orcSerDe = structure({
  StripeSizeBytes: integer({ min: 8_388_608 }),
  BlockSizeBytes: blockSizeBytes,
  RowIndexStride: integer({ min: 1000 }),
  EnablePadding: boolean(),
  PaddingTolerance: proportion,
  Compression: oneOf('NONE', 'ZLIB', 'SNAPPY'),
  BloomFilterColumns: list(nonEmptyStringWithoutWhitespace),
  BloomFilterFalsePositiveProbability: proportion,
  DictionaryKeyThreshold: proportion,
  FormatVersion: oneOf('V0_11', 'V0_12'),
});

const serializer = structure({
  ParquetSerDe: parquetSerDe,
  OrcSerDe: orcSerDe,
});

const outputFormatConfiguration = structure({
  Serializer: serializer,
});

export const dataFormatConversionConfiguration = structure({
  SchemaConfiguration: schemaConfiguration,
  InputFormatConfiguration: inputFormatConfiguration,
  OutputFormatConfiguration: outputFormatConfiguration,
  Enabled: boolean(),
});

const retryOptions = structure({
  DurationInSeconds: integer({ min: 0, max: 7200 }),
});

export const dynamicPartitioningConfiguration = structure({
  RetryOptions: retryOptions,
  Enabled: boolean(),
});
