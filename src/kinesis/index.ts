/** Amazon Kinesis Data Streams: its table of contents. */
import type { World } from '../call.ts';
import type { Job } from '../jobs.ts';
import { service } from '../protocol/operation.ts';
import * as iterators from './iterators.ts';
import * as records from './records.ts';
import { createSweeper } from './retention.ts';
import { ensureTokenKey } from './sealed-token.ts';
import * as streamDescriptions from './stream-descriptions.ts';
import * as streams from './streams.ts';

export const kinesis = service('Kinesis_20131202', streams, streamDescriptions, records, iterators);

/** What the service needs in the database before its first request. */
export const prepareKinesis = (world: World): Promise<void> => ensureTokenKey(world);

export const kinesisJobs = (world: World, sweepSchedule: string): readonly Job[] => [
  { name: 'sweep', schedule: sweepSchedule, run: createSweeper(world) },
];
