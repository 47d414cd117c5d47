/** Scalars that several inputs share, with the constraints of the API model (2015-08-04). */
import { integer, number, oneOf, string } from '../../protocol/shape.ts';

export const kmsKeyARN = string({
  min: 1,
  max: 512,
  pattern: 'arn:.*:kms:[a-zA-Z0-9\\-]+:\\d{12}:(key|alias)/[a-zA-Z_0-9+=,.@\\-_/]+',
});
export const blockSizeBytes = integer({ min: 67_108_864 });
export const bucketARN = string({ min: 1, max: 2048, pattern: 'arn:.*:s3:::[\\w\\.\\-]{1,255}' });
export const clusterJDBCURL = string({
  min: 1,
  max: 512,
  pattern:
    'jdbc:(redshift|postgresql)://((?!-)[A-Za-z0-9-]{1,63}(?<!-)\\.)+(redshift(-serverless)?)\\.([a-zA-Z0-9\\.\\-]+):\\d{1,5}/[a-zA-Z0-9_$-]+',
  // A database on this machine has a name without dots, or none.
  alsoTakes: 'jdbc:(redshift|postgresql)://([A-Za-z0-9._-]{1,253}|\\[[0-9A-Fa-f:.]+\\]):\\d{1,5}/[a-zA-Z0-9_$-]+',
});
export const compressionFormat = oneOf('UNCOMPRESSED', 'GZIP', 'ZIP', 'Snappy', 'HADOOP_SNAPPY');
export const customTimeZone = string({ min: 0, max: 50, pattern: '^$|[a-zA-Z/_]+' });
export const deliveryStreamName = string({ min: 1, max: 64, pattern: '[a-zA-Z0-9_.-]+' });
export const destinationId = string({ min: 1, max: 100, pattern: '[a-zA-Z0-9-]+' });
export const elasticsearchClusterEndpoint = string({
  min: 1,
  max: 512,
  pattern: 'https:.*',
  // A cluster on this machine seldom has a certificate.
  alsoTakes: 'http:.*',
});
export const elasticsearchDomainARN = string({
  min: 1,
  max: 512,
  pattern: 'arn:.*:es:[a-zA-Z0-9\\-]+:\\d{12}:domain/[a-z][-0-9a-z]{2,27}',
});
export const elasticsearchIndexName = string({ min: 1, max: 80, pattern: '.*' });
export const elasticsearchIndexRotationPeriod = oneOf('NoRotation', 'OneHour', 'OneDay', 'OneWeek', 'OneMonth');
export const elasticsearchTypeName = string({ min: 0, max: 100, pattern: '.*' });
export const errorOutputPrefix = string({ min: 0, max: 1024, pattern: '.*' });
export const fileExtension = string({ min: 0, max: 128, pattern: "^(|\\.[0-9a-z!\\-_.*'()]+)$" });
export const nonEmptyString = string({ min: 1, max: 1024, pattern: '^(?!\\s*$).+' });
export const nonEmptyStringWithoutWhitespace = string({ min: 1, max: 1024, pattern: '^\\S+$' });
export const password = string({ min: 6, max: 512, pattern: '.*' });
export const prefix = string({ min: 0, max: 1024, pattern: '.*' });
export const proportion = number({ min: 0, max: 1 });
export const redshiftS3BackupMode = oneOf('Disabled', 'Enabled');
export const roleARN = string({ min: 1, max: 512, pattern: 'arn:.*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+' });
export const s3BackupMode = oneOf('Disabled', 'Enabled');
export const tagKey = string({ min: 1, max: 128, pattern: '^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$' });
export const username = string({ min: 1, max: 512, pattern: '.*' });
