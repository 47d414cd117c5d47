/** Shapes that several operations share, with the constraints of the API model (2013-12-02). */
import { integer, list, map, oneOf, requiredIn, string, structure } from '../protocol/shape.ts';

/** The service in X-Amz-Target. */
export const TARGET = 'Kinesis_20131202';
export const targetOf = (operation: string) => `${TARGET}.${operation}`;

export const streamName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
export const shardId = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
export const streamArn = string({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+' });
export const consumerName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
export const consumerArn = string({
  min: 1,
  max: 2048,
  pattern: '^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+',
});
const RESOURCE_ARN = { min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:.*stream/\\S+' } as const;
/** Of a stream or a consumer. */
export const resourceArn = string(RESOURCE_ARN);
/** Channels have tags as well, which the pattern of the model does not know. */
export const taggableArn = string({ ...RESOURCE_ARN, alsoTakes: 'arn:aws.*:kinesis:.*:\\d{12}:channel/\\S+' });
export const streamId = string({ min: 1, max: 24, pattern: '[a-z0-9]{20}-[a-z0-9]{3}' });
export const hashKey = string({ pattern: '0|([1-9]\\d{0,38})' });
export const sequenceNumber = string({ pattern: '0|([1-9]\\d{0,128})' });
export const nextToken = string({ min: 1, max: 1_048_576 });
export const pageLimit = integer({ min: 1, max: 10_000 });
export const tagKey = string({ min: 1, max: 128, quota: 'tagKeyCharacters' });
export const tagValue = string({ min: 0, max: 256, quota: 'tagValueCharacters' });
export const tagMap = map(tagKey, tagValue, { min: 1, max: 200, quota: 'tagsPerCall' });
export const tagKeyList = list(tagKey, { min: 1, max: 50, quota: 'tagKeysPerCall' });
export const streamModeDetails = structure({ StreamMode: { required: oneOf('PROVISIONED', 'ON_DEMAND') } });

export const maxRecordSize = integer({ min: 1024, max: 10_240 });
export const warmThroughput = integer({ min: 0 });
export const recordDistribution = oneOf('AUTO', 'USER_PARTITION_KEY');

/** The three ways to name a stream; see streamNameOf. The reference documents know the name only. */
export const streamReference = {
  StreamName: requiredIn('documented', streamName),
  StreamARN: streamArn,
  StreamId: streamId,
} as const;
