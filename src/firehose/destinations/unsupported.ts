/**
 * What Millrace cannot do yet is refused by name: a delivery stream that ignored a part of its configuration would
 * deliver other data than its user expects. The forms that switch a feature off are kept and shown, for tools send them.
 */
import type { Decoded } from '../../protocol/shape.ts';
import { invalidArgument } from '../errors.ts';
import type { dynamicPartitioningConfiguration, processingConfiguration } from '../shapes/transformation.ts';
import type { CreateDeliveryStreamInput, UpdateDestinationInput } from '../shapes.ts';
import { type Conversion, type ConversionConfiguration, mergedConversion } from './conversion.ts';

const unsupported = (what: string, instead: string) =>
  invalidArgument(`Millrace does not support ${what} yet; ${instead}.`);

const SUPPORTED = 'it supports S3, extended S3, Redshift and Elasticsearch destinations';

const DESTINATIONS = [
  'AmazonopensearchserviceDestination',
  'AmazonOpenSearchServerlessDestination',
  'SplunkDestination',
  'HttpEndpointDestination',
  'SnowflakeDestination',
  'IcebergDestination',
] as const;

/** @throws ApiError InvalidArgumentException */
export function assertSupportedCreation(input: CreateDeliveryStreamInput): void {
  const destination = DESTINATIONS.find((name) => input[`${name}Configuration`] !== undefined);
  if (destination !== undefined) throw unsupported(`${destination}Configuration`, SUPPORTED);
  const source = (['MSKSourceConfiguration', 'DatabaseSourceConfiguration'] as const).find((name) => input[name]);
  const type = input.DeliveryStreamType ?? 'DirectPut';
  if (type === 'MSKAsSource' || type === 'DatabaseAsSource') {
    throw unsupported(`DeliveryStreamType ${type}`, 'use DirectPut or KinesisStreamAsSource');
  }
  if (source !== undefined) throw unsupported(source, 'use DirectPut or KinesisStreamAsSource');
}

/** @throws ApiError InvalidArgumentException */
export function assertSupportedUpdate(input: UpdateDestinationInput): void {
  if (input.HttpEndpointDestinationUpdate !== undefined) {
    throw invalidArgument('Changing the destination type to or from HttpEndpoint is not supported at this time.');
  }
  const destination = DESTINATIONS.find((name) => input[`${name}Update`] !== undefined);
  if (destination !== undefined) throw unsupported(`${destination}Update`, SUPPORTED);
}

type Processing = Decoded<typeof processingConfiguration>;
type Partitioning = Decoded<typeof dynamicPartitioningConfiguration>;

/** What a destination may ask for beyond the delivery of the records as they are. */
interface TransformationConfiguration {
  readonly ProcessingConfiguration?: Processing | undefined;
  readonly DataFormatConversionConfiguration?: ConversionConfiguration | undefined;
  readonly DynamicPartitioningConfiguration?: Partitioning | undefined;
}

/** The same, complete. */
export interface Transformation extends Omit<TransformationConfiguration, 'DataFormatConversionConfiguration'> {
  readonly DataFormatConversionConfiguration?: Conversion | undefined;
}

const PARTITIONING_RETRY_S = 300;

/** A transformation with its defaults. */
export const completedTransformation = (input: TransformationConfiguration): Transformation =>
  mergedTransformation({}, input);

/** Processing is replaced as a whole, but stays on or off; conversion and partitioning are merged. */
export function mergedTransformation(current: Transformation, update: TransformationConfiguration): Transformation {
  const { ProcessingConfiguration: processing, DataFormatConversionConfiguration: conversion } = update;
  const partitioning = update.DynamicPartitioningConfiguration;
  return {
    ProcessingConfiguration:
      processing === undefined
        ? current.ProcessingConfiguration
        : {
            Enabled: processing.Enabled ?? current.ProcessingConfiguration?.Enabled ?? false,
            Processors: processing.Processors ?? [],
          },
    DataFormatConversionConfiguration:
      conversion === undefined
        ? current.DataFormatConversionConfiguration
        : mergedConversion(current.DataFormatConversionConfiguration, conversion),
    DynamicPartitioningConfiguration:
      partitioning === undefined
        ? current.DynamicPartitioningConfiguration
        : mergedPartitioning(current.DynamicPartitioningConfiguration, partitioning),
  };
}

const mergedPartitioning = (current: Partitioning | undefined, update: Partitioning): Partitioning => ({
  Enabled: update.Enabled ?? current?.Enabled ?? false,
  RetryOptions: {
    DurationInSeconds:
      update.RetryOptions?.DurationInSeconds ?? current?.RetryOptions?.DurationInSeconds ?? PARTITIONING_RETRY_S,
  },
});

/** @throws ApiError InvalidArgumentException when a completed transformation changes the records. */
export function assertSupportedTransformation(transformation: Transformation): void {
  const { ProcessingConfiguration: processing, DataFormatConversionConfiguration: conversion } = transformation;
  if (processing?.Enabled) {
    const types = processing.Processors!.map(({ Type }) => Type).join(', ');
    const what = `ProcessingConfiguration${types === '' ? '' : ` (${types})`}`;
    throw unsupported(what, 'leave it out or set its Enabled to false');
  }
  if (conversion?.Enabled) {
    throw unsupported('DataFormatConversionConfiguration', 'leave it out or set its Enabled to false');
  }
  if (transformation.DynamicPartitioningConfiguration?.Enabled) {
    throw unsupported('DynamicPartitioningConfiguration', 'leave it out or set its Enabled to false');
  }
}

/** @throws ApiError InvalidArgumentException */
export function assertNoSecretsManager(input: { readonly Enabled: boolean } | undefined): void {
  if (input?.Enabled) {
    throw unsupported('SecretsManagerConfiguration', 'set its Enabled to false and give Username and Password');
  }
}
