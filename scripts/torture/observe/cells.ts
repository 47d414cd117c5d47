/** Looking at what single clients own: tags, and streams that come and go. */
import { THERE } from '../checker/states.ts';
import { type Client, FIREHOSE } from '../client.ts';
import { ABSENT } from '../history.ts';
import { DELIVERY_STREAMS, isPassing, STREAMS, streamCell, tagCell } from '../layout.ts';
import { require } from './streams.ts';

/** The states of the `known` cells, and of those that are there besides. `streams`: the names of those that are there. */
export async function observeCells(
  client: Client,
  known: readonly string[],
  streams: readonly string[],
): Promise<Record<string, string>> {
  const missing = await missingDeliveryStreams(client);
  const cells: Record<string, string> = Object.fromEntries(known.map((cell) => [cell, ABSENT]));
  for (const name of streams.filter(isPassing)) cells[streamCell(name)] = THERE;
  for (const { name } of STREAMS) {
    if (!streams.includes(name)) continue;
    const { Tags } = await require(client, 'ListTagsForStream', { StreamName: name });
    for (const { Key, Value } of Tags) cells[tagCell('kinesis', name, Key)] = Value;
  }
  for (const name of DELIVERY_STREAMS) {
    if (missing.includes(name)) continue;
    const { Tags } = await require(client, `${FIREHOSE}.ListTagsForDeliveryStream`, { DeliveryStreamName: name });
    for (const { Key, Value } of Tags) cells[tagCell('firehose', name, Key)] = Value;
  }
  return cells;
}

/** Which of the delivery streams that every world has are not there. */
export async function missingDeliveryStreams(client: Client): Promise<string[]> {
  const { DeliveryStreamNames } = await require(client, `${FIREHOSE}.ListDeliveryStreams`, {});
  return DELIVERY_STREAMS.filter((name) => !DeliveryStreamNames.includes(name));
}
