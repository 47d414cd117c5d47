/** Stand-in until the real file is written: overwrite it. */
import type { CreateDeliveryStreamInput, UpdateDestinationInput } from '../shapes.ts';
import type { Quotas } from '../../quotas.ts';
export type Destination = { readonly type: 'S3'; readonly description: any };
export interface DestinationContext { readonly account: string; readonly region: string; readonly now: number; readonly quotas: Quotas; readonly seal: (s: string) => string }
export interface ObjectSettings { bucket: string; prefix?: string; timeZone?: string; fileExtension?: string; compression: any; kmsKeyArn?: string; sizeBytes: number; intervalMs: number }
const fill = (c: any) => ({ BucketARN: c.BucketARN, BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 5, ...c.BufferingHints }, CompressionFormat: c.CompressionFormat ?? 'UNCOMPRESSED', Prefix: c.Prefix, RoleARN: c.RoleARN });
export const createDestination = (input: CreateDeliveryStreamInput, _c: DestinationContext): Destination => { const c: any = input.ExtendedS3DestinationConfiguration; return { type: 'S3', description: { ...fill(c), S3BackupMode: c.S3BackupMode, backup: c.S3BackupConfiguration && fill(c.S3BackupConfiguration) } } };
export const updateDestination = (current: Destination, input: UpdateDestinationInput, _c: DestinationContext): Destination => ({ type: 'S3', description: { ...current.description, ...input.ExtendedS3DestinationUpdate } });
export const isSameDestination = (a: Destination, b: Destination) => JSON.stringify(a) === JSON.stringify(b);
export const describeDestination = (d: Destination) => ({ ExtendedS3DestinationDescription: d.description });
const settings = (d: any): ObjectSettings => ({ bucket: d.BucketARN.slice(13), prefix: d.Prefix, compression: d.CompressionFormat, sizeBytes: d.BufferingHints.SizeInMBs * 1024 * 1024, intervalMs: d.BufferingHints.IntervalInSeconds * 1000 });
export const objectSettingsOf = (d: Destination): ObjectSettings | undefined => settings(d.description);
export const backupSettingsOf = (d: Destination): ObjectSettings | undefined => d.description.S3BackupMode === 'Enabled' ? settings(d.description.backup) : undefined;
export const bufferingOf = (d: Destination) => { const { sizeBytes, intervalMs } = settings(d.description); return { sizeBytes, intervalMs } };
