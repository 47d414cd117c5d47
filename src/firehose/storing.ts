/** Storing the object of a batch: the records themselves, or the documents of them that failed. */
import { chunksOf } from './buffer-log.ts';
import { type Compression, compressed } from './compression.ts';
import { clear, confirm, type Delivery, keepObject, nextStep, spanOf } from './deliveries.ts';
import { failedDocuments } from './search/failed-documents.ts';
import type { Occupation, Step } from './step.ts';

export const storeStep: Step = { run: store };

async function store({ delivery, deliveryStream, delivering, task }: Occupation): Promise<void> {
  const { database, clock } = delivering.world;
  const object = await delivering.store.put(
    {
      bucket: delivery.bucket,
      key: delivery.key,
      content: () => contentOf(delivery, database),
      contentType: delivery.content_type,
      contentEncoding: delivery.content_encoding ?? undefined,
      kmsKeyArn: delivery.kms_key_arn ?? undefined,
      region: deliveryStream.region,
    },
    task.signal,
  );
  await database.write(() => {
    keepObject(delivery, { ...object, place: delivering.store.place }, database);
    if (delivery.kind === 'redshift') {
      nextStep(delivery, 'LOAD', null, database);
    } else {
      confirm(delivery, { database, now: clock.now() });
      clear(delivery, database);
    }
  });
}

/** The bytes of the object: the records one after the other with nothing between them, compressed. */
function contentOf(delivery: Delivery, database: Occupation['delivering']['world']['database']): AsyncIterable<Buffer> {
  const chunks =
    delivery.kind === 'search'
      ? failedDocuments(delivery, database)
      : chunksOf(delivery.buffer, spanOf(delivery), database);
  return compressed(chunks, delivery.compression as Compression, entryNameOf(delivery));
}

/** The UUID in the key, which is the name of the file in a ZIP archive. */
const entryNameOf = ({ key }: Delivery): string =>
  /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(key.slice(-200))![0];
