/** UpdateChannel: another data freshness or logging. */
import { type Bind, query } from '../database/query.ts';
import { changeHosted } from '../firehose/hosted-deliveries.ts';
import { operation } from '../protocol/operation.ts';
import { type Channel, describe, requireChannel, statusOf } from './channel-store.ts';
import { linesOf, updatedConfiguration } from './configuration.ts';
import { channelNotActive } from './errors.ts';
import { updateChannelInput } from './shapes.ts';

export const UpdateChannel = operation({
  access: 'write',
  input: updateChannelInput,
  rate: 'channelCallsPerSecond',
  errors: [
    'AccessDeniedException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'ValidationException',
  ],
  run(input, call) {
    const channel = requireChannel(input.ChannelARN, call);
    const configuration = updatedConfiguration(channel.configuration, input, channel);
    const status = statusOf(channel, call.now);
    if (status !== 'ACTIVE') throw channelNotActive(channel, status);
    const updated: Channel = {
      ...channel,
      configuration,
      updatingMs: call.now,
      updatedMs: call.now + call.transitionMs,
    };
    call.database.run(setConfiguration, {
      id: channel.id,
      configuration: JSON.stringify(configuration),
      updatingMs: call.now,
      updatedMs: call.now + call.transitionMs,
    });
    // What waits already is delivered as the new freshness says: nothing is told to be UPDATING but the state.
    if (input.S3DestinationConfiguration !== undefined) {
      changeHosted(channel.deliveryName, linesOf(configuration, channel.name), channel, call);
    }
    return { ChannelDescription: describe(updated, call.now) };
  },
});

interface Update {
  readonly id: number;
  readonly configuration: string;
  readonly updatingMs: number;
  readonly updatedMs: number;
}

const setConfiguration = query((bind: Bind<Update>, db) =>
  db
    .updateTable('channels')
    .set({ configuration: bind('configuration'), updating_ms: bind('updatingMs'), updated_ms: bind('updatedMs') })
    .where('id', '=', bind('id')),
);
