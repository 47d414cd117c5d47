/** UpdateStreamRecordDistributionStrategy: whether clients or the service choose the shards of records. */
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { required, structure } from '../protocol/shape.ts';
import { autoNeedsOnDemand } from './errors.ts';
import { recordDistribution, streamArn, streamId } from './shapes.ts';
import { forgetStream, requireStream, type Stream } from './stream-store.ts';
import { assertActive } from './updates.ts';

/** It is in force at once, so the stream stays ACTIVE. Records that are there already stay where they are. */
export const UpdateStreamRecordDistributionStrategy = operation({
  access: 'write',
  input: structure({
    RecordDistributionStrategy: required(recordDistribution),
    StreamARN: required(streamArn),
    StreamId: streamId,
  }),
  rate: 'streamSettingsCallsPerSecond',
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ValidationException',
    'AccessDeniedException',
  ],
  run({ RecordDistributionStrategy: strategy, ...reference }, call) {
    const stream = requireStream(reference, call);
    if (strategy === 'AUTO' && stream.mode !== 'ON_DEMAND') throw autoNeedsOnDemand(stream);
    assertActive(stream, call);
    if (strategy === stream.recordDistribution) return;
    call.database.run(setDistribution, { stream: stream.id, strategy });
    forgetStream(stream, call);
  },
});

const setDistribution = query((bind: Bind<{ stream: number; strategy: Stream['recordDistribution'] }>, db) =>
  db
    .updateTable('streams')
    .set({ record_distribution: bind('strategy') })
    .where('id', '=', bind('stream')),
);
