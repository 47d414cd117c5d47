/** Stand-in until the real file is written: overwrite it. */
import { blob, boolean, type Decoded, integer, list, oneOf, required, string, structure, map } from '../protocol/shape.ts';
void map;
const name = string({ min: 1, max: 64, pattern: '[a-zA-Z0-9_.-]+' });
const any = structure({});
const hints = structure({ IntervalInSeconds: integer({min:0,max:900}), SizeInMBs: integer({min:1,max:128}) });
const s3 = { RoleARN: string(), BucketARN: string(), Prefix: string(), CompressionFormat: oneOf('UNCOMPRESSED','GZIP','ZIP','Snappy','HADOOP_SNAPPY'), BufferingHints: hints };
const tag = structure({ Key: required(string()), Value: string() });
const enc = structure({ KeyARN: string(), KeyType: required(oneOf('AWS_OWNED_CMK','CUSTOMER_MANAGED_CMK')) });
export const createDeliveryStreamInput = structure({
  DeliveryStreamName: required(name), DeliveryStreamType: oneOf('DirectPut','KinesisStreamAsSource'),
  DirectPutSourceConfiguration: structure({ ThroughputHintInMBs: integer() }),
  KinesisStreamSourceConfiguration: structure({ KinesisStreamARN: required(string()), RoleARN: required(string()) }),
  DeliveryStreamEncryptionConfigurationInput: enc,
  ExtendedS3DestinationConfiguration: structure({ ...s3, S3BackupMode: oneOf('Disabled','Enabled'), S3BackupConfiguration: structure(s3) }),
  Tags: list(tag),
});
export type CreateDeliveryStreamInput = Decoded<typeof createDeliveryStreamInput>;
export const deleteDeliveryStreamInput = structure({ DeliveryStreamName: required(name), AllowForceDelete: boolean() });
export const describeDeliveryStreamInput = structure({ DeliveryStreamName: required(name) });
export const listDeliveryStreamsInput = structure({ Limit: integer({min:1,max:10000}), DeliveryStreamType: string(), ExclusiveStartDeliveryStreamName: name });
export const putRecordInput = structure({ DeliveryStreamName: required(name), Record: required(structure({ Data: required(blob({max: 1024000})) })) });
export const putRecordBatchInput = structure({ DeliveryStreamName: required(name), Records: required(list(structure({ Data: required(blob({max: 1024000})) }), {min:1,max:500})) });
export const updateDestinationInput = structure({ DeliveryStreamName: required(name), CurrentDeliveryStreamVersionId: required(string()), DestinationId: required(string()), ExtendedS3DestinationUpdate: structure(s3) });
export type UpdateDestinationInput = Decoded<typeof updateDestinationInput>;
export const listTagsForDeliveryStreamInput = structure({ DeliveryStreamName: required(name), ExclusiveStartTagKey: string(), Limit: integer() });
export const tagDeliveryStreamInput = structure({ DeliveryStreamName: required(name), Tags: required(list(tag)) });
export const untagDeliveryStreamInput = structure({ DeliveryStreamName: required(name), TagKeys: required(list(string())) });
export const startDeliveryStreamEncryptionInput = structure({ DeliveryStreamName: required(name), DeliveryStreamEncryptionConfigurationInput: enc });
export const stopDeliveryStreamEncryptionInput = structure({ DeliveryStreamName: required(name) });
void any;
