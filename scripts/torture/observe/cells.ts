/** Looking at what single clients own: tags, and streams that come and go. */
import { THERE } from '../checker/states.ts';
import { type Client, FIREHOSE } from '../client.ts';
import { ABSENT } from '../history.ts';
import {
  consumerCell,
  DELIVERY_STREAMS,
  isPassing,
  NEW_HOURS,
  SET_STREAMS,
  STREAMS,
  settingCell,
  streamArn,
  streamCell,
  tagCell,
} from '../layout.ts';
import { REGISTERED } from '../load/settings.ts';
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
  for (const name of SET_STREAMS.filter((known) => streams.includes(known))) await observeSettings(name, cells, client);
  for (const name of DELIVERY_STREAMS) {
    if (missing.includes(name)) continue;
    const { Tags } = await require(client, `${FIREHOSE}.ListTagsForDeliveryStream`, { DeliveryStreamName: name });
    for (const { Key, Value } of Tags) cells[tagCell('firehose', name, Key)] = Value;
  }
  return cells;
}

async function observeSettings(name: string, cells: Record<string, string>, client: Client): Promise<void> {
  const { StreamDescriptionSummary: stream } = await require(client, 'DescribeStreamSummary', { StreamName: name });
  if (stream.RetentionPeriodHours !== NEW_HOURS) {
    cells[settingCell('retention', name)] = String(stream.RetentionPeriodHours);
  }
  if (stream.KeyId !== undefined) cells[settingCell('encryption', name)] = stream.KeyId;
  const { Policy } = await require(client, 'GetResourcePolicy', { ResourceARN: streamArn(name) });
  if (Policy !== '{}') cells[settingCell('policy', name)] = Policy;
  const { Consumers } = await require(client, 'ListStreamConsumers', { StreamARN: streamArn(name) });
  for (const { ConsumerName, ConsumerStatus } of Consumers) {
    if (ConsumerStatus !== 'DELETING') cells[consumerCell(name, ConsumerName)] = REGISTERED;
  }
}

/** Which of the delivery streams that every world has are not there. */
export async function missingDeliveryStreams(client: Client): Promise<string[]> {
  const { DeliveryStreamNames } = await require(client, `${FIREHOSE}.ListDeliveryStreams`, {});
  return DELIVERY_STREAMS.filter((name) => !DeliveryStreamNames.includes(name));
}
