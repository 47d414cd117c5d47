/** UpdateDestination: another configuration of a delivery stream's destination, or another destination. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { changeDestination } from './delivery-stream-rows.ts';
import { type DeliveryStream, findDeliveryStream, nameIn, statusOf } from './delivery-stream-store.ts';
import { DESTINATION_ID } from './delivery-streams.ts';
import { isSameDestination, updateDestination } from './destinations/destination.ts';
import { deliveryStreamNotFoundForUpdate, destinationNotFound, notUpdatable, versionMismatch } from './errors.ts';
import { sealSecret } from './secrets.ts';
import { updateDestinationInput } from './shapes.ts';

export const UpdateDestination = operation({
  access: 'write',
  input: updateDestinationInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: [
    'InvalidArgumentException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'ConcurrentModificationException',
  ],
  run(input, call) {
    const deliveryStream = requireUpdatable(input.DeliveryStreamName, call);
    const { version, destination: current } = deliveryStream;
    const given = input.CurrentDeliveryStreamVersionId;
    if (given !== String(version)) throw versionMismatch(deliveryStream, String(version), given);
    if (input.DestinationId !== DESTINATION_ID) throw destinationNotFound(input.DestinationId);
    const destination = updateDestination(current, input, { ...call, seal: (secret) => sealSecret(secret, call) });
    // What changes nothing has no effect on the version either: tools that apply a configuration again rely on it.
    if (isSameDestination(current, destination)) return {};
    changeDestination(deliveryStream, destination, call);
    return {};
  },
});

function requireUpdatable(name: string, call: Call): DeliveryStream {
  const deliveryStream = findDeliveryStream(nameIn(call, name), call);
  if (deliveryStream === undefined) throw deliveryStreamNotFoundForUpdate(nameIn(call, name));
  const status = statusOf(deliveryStream, call.now);
  if (status !== 'ACTIVE') throw notUpdatable(deliveryStream, status);
  return deliveryStream;
}
