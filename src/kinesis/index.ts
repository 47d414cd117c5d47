/** Amazon Kinesis Data Streams: its table of contents. */
import type { World } from '../call.ts';
import type { Job } from '../jobs.ts';
import { service } from '../protocol/operation.ts';
import { rateExceeded } from './errors.ts';
import * as iterators from './iterators.ts';
import * as records from './records.ts';
import { createSweeper } from './retention.ts';
import { ensureTokenKey } from './sealed-token.ts';
import { TARGET } from './shapes.ts';
import * as shards from './shards.ts';
import * as streamDescriptions from './stream-descriptions.ts';
import * as streams from './streams.ts';
import * as tags from './tags.ts';

export const kinesis = service(
  { target: TARGET, signingName: 'kinesis', showsValues: true, rateExceeded },
  streams,
  streamDescriptions,
  shards,
  records,
  iterators,
  tags,
);

/** What the service needs in the database before its first request. */
export const prepareKinesis = (world: World): Promise<void> => ensureTokenKey(world);

export const kinesisJobs = (world: World, sweepSchedule: string): readonly Job[] => [
  { name: 'sweep', schedule: sweepSchedule, run: createSweeper(world) },
];
