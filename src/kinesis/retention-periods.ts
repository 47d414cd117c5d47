/** IncreaseStreamRetentionPeriod, DecreaseStreamRetentionPeriod: how long a stream keeps its records. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { type Decoded, integer, required, structure } from '../protocol/shape.ts';
import { quotaHint } from '../quotas.ts';
import { retentionNotIncreased, retentionNotReduced, retentionTooLong, retentionTooShort } from './errors.ts';
import { streamReference } from './shapes.ts';
import { horizonOf, requireStream, type Stream } from './stream-store.ts';
import { assertActive, beginUpdate } from './updates.ts';

const input = structure({ RetentionPeriodHours: required(integer()), ...streamReference });

const RETENTION_ERRORS = [
  'ResourceInUseException',
  'ResourceNotFoundException',
  'LimitExceededException',
  'InvalidArgumentException',
  'AccessDeniedException',
] as const;

export const IncreaseStreamRetentionPeriod = operation({
  access: 'write',
  input,
  rate: 'streamSettingsCallsPerSecond',
  errors: RETENTION_ERRORS,
  run(request, call) {
    const stream = requireRetainable(request, call);
    const { RetentionPeriodHours: hours } = request;
    if (hours < stream.retentionHours) throw retentionNotIncreased(hours, stream.retentionHours, stream);
    keepFor(hours, stream, call);
  },
});

export const DecreaseStreamRetentionPeriod = operation({
  access: 'write',
  input,
  rate: 'streamSettingsCallsPerSecond',
  errors: RETENTION_ERRORS,
  run(request, call) {
    const stream = requireRetainable(request, call);
    const { RetentionPeriodHours: hours } = request;
    if (hours > stream.retentionHours) throw retentionNotReduced(hours, stream.retentionHours, stream);
    keepFor(hours, stream, call);
  },
});

/** The stream of a request whose period is one that streams can have. */
function requireRetainable({ RetentionPeriodHours: hours, ...reference }: Decoded<typeof input>, call: Call): Stream {
  const stream = requireStream(reference, call);
  const { retentionHoursMinimum: min, retentionHoursMaximum: max } = call.quotas;
  if (hours < min) throw retentionTooShort(hours, min);
  if (hours > max) throw retentionTooLong(hours, max, quotaHint(call.quotas, 'retentionHoursMaximum', hours));
  return stream;
}

const setRetention = query((bind: Bind<{ stream: number; retentionHours: number; trimmedMs: number }>, db) =>
  db
    .updateTable('streams')
    .set({ retention_hours: bind('retentionHours'), trimmed_ms: bind('trimmedMs') })
    .where('id', '=', bind('stream')),
);

/**
 * Readers go by the new period at once. What has expired by the old one is lost, whether the sweeper was there already or
 * not. A stream that has the period already stays as it is, and ACTIVE.
 */
function keepFor(hours: number, stream: Stream, call: Call): void {
  assertActive(stream, call);
  if (hours === stream.retentionHours) return;
  beginUpdate(stream, call);
  const trimmedMs = horizonOf(stream, call.now);
  call.database.run(setRetention, { stream: stream.id, retentionHours: hours, trimmedMs });
}
