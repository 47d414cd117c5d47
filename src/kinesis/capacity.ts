/** UpdateStreamMode, UpdateStreamWarmThroughput, UpdateMaxRecordSize: what a stream can take. */

import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { required, structure } from '../protocol/shape.ts';
import { assertRoomForOnDemandStream } from './account-limits.ts';
import { invalidArgument, provisioned } from './errors.ts';
import { maxRecordSize, streamArn, streamId, streamModeDetails, streamReference, warmThroughput } from './shapes.ts';
import { assertDailyQuota, recordChange } from './stream-changes.ts';
import { warmThroughputOf } from './stream-descriptions.ts';
import { requireStream, type Stream } from './stream-store.ts';
import { assertActive, beginUpdate } from './updates.ts';
import { assertWarmThroughput } from './warm-throughput.ts';

const CAPACITY_ERRORS = [
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
  'ValidationException',
] as const;

/** The shards stay as they are. A stream that has the mode already stays ACTIVE, and nothing is counted. */
export const UpdateStreamMode = operation({
  access: 'write',
  input: structure({
    StreamModeDetails: required(streamModeDetails),
    WarmThroughputMiBps: warmThroughput,
    StreamARN: required(streamArn),
    StreamId: streamId,
  }),
  rate: 'streamSettingsCallsPerSecond',
  errors: CAPACITY_ERRORS,
  run({ StreamModeDetails: { StreamMode: mode }, WarmThroughputMiBps: warm, ...reference }, call) {
    const stream = requireStream(reference, call);
    if (warm !== undefined && mode === 'PROVISIONED') {
      throw invalidArgument('WarmThroughputMiBps is not expected when StreamMode=PROVISIONED');
    }
    if (warm !== undefined && stream.mode === mode) {
      throw invalidArgument(
        `Stream ${stream.name} is in On-Demand mode already. Use UpdateStreamWarmThroughput to change its ` +
          'WarmThroughputMiBps.',
      );
    }
    assertWarmThroughput(warm, stream, call);
    assertActive(stream, call);
    if (stream.mode === mode) return;
    assertDailyQuota('MODE', 'updateStreamModePerDay', stream, call);
    if (mode === 'ON_DEMAND') assertRoomForOnDemandStream(stream, call);
    beginUpdate(stream, call);
    call.database.run(setMode, { stream: stream.id, mode, warmThroughputMibps: warm ?? null });
    recordChange('MODE', stream, call);
  },
});

/** Also without a change the stream becomes UPDATING: AWS gives up capacity then that it had grown beside. */
export const UpdateStreamWarmThroughput = operation({
  access: 'write',
  input: structure({ WarmThroughputMiBps: required(warmThroughput), ...streamReference }),
  rate: 'accountSettingsCallsPerSecond',
  errors: [...CAPACITY_ERRORS, 'AccessDeniedException'],
  run({ WarmThroughputMiBps: warmThroughputMibps, ...reference }, call) {
    const stream = requireStream(reference, call);
    if (stream.mode !== 'ON_DEMAND') throw provisioned(stream);
    assertWarmThroughput(warmThroughputMibps, stream, call);
    beginUpdate(stream, call);
    call.database.run(setWarmThroughput, { stream: stream.id, warmThroughputMibps });
    return {
      StreamARN: stream.arn,
      StreamName: stream.name,
      WarmThroughput: warmThroughputOf({ warmThroughputMibps }),
    };
  },
});

/** Puts go by the new size at once; records that are there already stay, whatever their size. */
export const UpdateMaxRecordSize = operation({
  access: 'write',
  input: structure({ MaxRecordSizeInKiB: required(maxRecordSize), StreamARN: streamArn, StreamId: streamId }),
  rate: 'streamSettingsCallsPerSecond',
  errors: [...CAPACITY_ERRORS, 'AccessDeniedException'],
  run({ MaxRecordSizeInKiB: maxRecordKib, ...reference }, call) {
    const stream = requireNamedByArn(reference, call);
    beginUpdate(stream, call);
    call.database.run(setMaxRecordSize, { stream: stream.id, maxRecordKib });
  },
});

/** The model lets this operation's only way to name a stream be absent. */
function requireNamedByArn(reference: { StreamARN?: string | undefined; StreamId?: string | undefined }, call: Call) {
  if (reference.StreamARN === undefined && reference.StreamId === undefined) {
    throw invalidArgument('StreamARN must be provided.');
  }
  return requireStream(reference, call);
}

/** How records are distributed is a choice of on-demand streams: with either mode it begins anew. */
const setMode = query((bind: Bind<{ stream: number; mode: Stream['mode']; warmThroughputMibps: number | null }>, db) =>
  db
    .updateTable('streams')
    .set({
      stream_mode: bind('mode'),
      warm_throughput_mibps: bind('warmThroughputMibps'),
      record_distribution: sql.lit('USER_PARTITION_KEY' as const),
    })
    .where('id', '=', bind('stream')),
);

const setWarmThroughput = query((bind: Bind<{ stream: number; warmThroughputMibps: number }>, db) =>
  db
    .updateTable('streams')
    .set({ warm_throughput_mibps: bind('warmThroughputMibps') })
    .where('id', '=', bind('stream')),
);

const setMaxRecordSize = query((bind: Bind<{ stream: number; maxRecordKib: number }>, db) =>
  db
    .updateTable('streams')
    .set({ max_record_kib: bind('maxRecordKib') })
    .where('id', '=', bind('stream')),
);
