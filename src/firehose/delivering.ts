/**
 * Writing a planned batch to the object store, and what follows: confirmation, or another attempt later. See planning.ts
 * for why all of it may be repeated.
 */
import type { World } from '../call.ts';
import { chunksOf } from './buffer-log.ts';
import { type Compression, compressed } from './compression.ts';
import { clear, confirm, type Delivery, postpone, spanOf } from './deliveries.ts';
import type { ObjectStore } from './objects/object-store.ts';

/** Where, and for whom, objects are stored. */
export interface Delivering {
  readonly world: World;
  readonly store: ObjectStore;
}

/**
 * Stores the object of a batch and confirms it, or notes why that failed. Never rejects for what is wrong with the
 * destination. Returns whether it is delivered.
 */
export async function deliver(
  delivery: Delivery,
  region: string,
  { world, store }: Delivering,
  signal: AbortSignal,
): Promise<boolean> {
  const { database, clock, log } = world;
  const { id, bucket, key } = delivery;
  try {
    const object = await store.put(
      {
        bucket,
        key,
        content: () => contentOf(delivery, world),
        contentType: delivery.content_type,
        contentEncoding: delivery.content_encoding ?? undefined,
        kmsKeyArn: delivery.kms_key_arn ?? undefined,
        region,
      },
      signal,
    );
    await database.write(() => {
      confirm(delivery, { ...object, place: store.place }, { database, now: clock.now() });
      clear(delivery, database);
    });
    log.debug({ delivery: id, bucket, key, bytes: object.sizeBytes }, 'An object was delivered.');
    return true;
  } catch (error) {
    // Whoever stops the server interrupts deliveries; that is nobody's fault.
    if (signal.aborted) return false;
    log.warn(
      { err: error, delivery: id, bucket, key, attempts: delivery.attempts + 1 },
      'A delivery failed and waits.',
    );
    await database.write(() => postpone(delivery, (error as Error).message, { database, now: clock.now() }));
    return false;
  }
}

/** The bytes of the object: the records one after the other with nothing between them, compressed. */
function contentOf(delivery: Delivery, { database }: World): AsyncIterable<Buffer> {
  const chunks = chunksOf(delivery.buffer, spanOf(delivery), database);
  return compressed(chunks, delivery.compression as Compression, entryNameOf(delivery));
}

/** The UUID in the key, which is the name of the file in a ZIP archive. */
const entryNameOf = ({ key }: Delivery): string =>
  /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(key.slice(-200))![0];
