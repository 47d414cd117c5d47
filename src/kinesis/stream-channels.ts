/** Channels of a stream, as far as they matter to the stream itself. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { streamHasChannels } from './errors.ts';
import type { Stream } from './stream-store.ts';

/** One that is not being deleted. */
const selectChannel = query((bind: Bind<{ stream: number }>, db) =>
  db.selectFrom('channels').select('id').where('stream', '=', bind('stream')).where('gone_ms', 'is', null),
);

/** @throws ApiError ResourceInUseException when the stream has channels that are not being deleted */
export function assertNoChannels(stream: Stream, { database }: Call): void {
  if (database.get(selectChannel, { stream: stream.id }) !== undefined) throw streamHasChannels(stream);
}
