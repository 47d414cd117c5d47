/**
 * Deliveries for other services: a stream's records as lines of objects, by a delivery stream that no operation of this
 * service finds or lists. It is told from the others by a slash in its name, which no API name may contain; the flusher,
 * the metrics and the tables treat it like any other.
 */
import type { Call } from '../call.ts';
import { addDeliveryStream, changeDestination, endDeliveryStream } from './delivery-stream-rows.ts';
import { type DeliveryStream, findDeliveryStream, forgetDeliveryStream, nameIn } from './delivery-stream-store.ts';
import type { LinesDescription } from './destinations/lines.ts';

export { missingZstd } from './compression.ts';
export type { LinesDescription, LinesPlace } from './destinations/lines.ts';
export { assertOwnRole } from './destinations/settings.ts';
export { prefixProblem } from './key-prefix.ts';

/** What is delivered, and where to. */
export interface HostedDelivery {
  readonly streamArn: string;
  readonly roleArn: string;
  readonly lines: LinesDescription;
}

/**
 * Begins to deliver what the stream gets from now on, under a name with a slash in it. Only inside the body of a write.
 * Returns the row id of the delivery stream.
 */
export function beginHosted(name: string, { streamArn, roleArn, lines }: HostedDelivery, call: Call): number {
  if (!name.includes('/')) throw new Error(`${name} could be the name of a user's delivery stream.`);
  const source = {
    KinesisStreamSourceDescription: {
      DeliveryStartTimestamp: call.now,
      KinesisStreamARN: streamArn,
      RoleARN: roleArn,
    },
  };
  const id = addDeliveryStream(
    nameIn(call, name),
    { source, destination: { type: 'Lines', description: lines } },
    call,
  );
  forgetDeliveryStream(nameIn(call, name), call);
  return id;
}

/** The owner of a delivery, which need not be who changes it. */
type Owner = Pick<Call, 'account' | 'region'>;

/** Gives all that is not part of a batch yet other settings. Only inside the body of a write. */
export function changeHosted(name: string, lines: LinesDescription, owner: Owner, call: Call): void {
  changeDestination(requireHosted(name, owner, call), { type: 'Lines', description: lines }, call);
}

/** Ends a delivery; what has not been delivered is given up, as when a delivery stream is deleted. Only inside the body of a write. */
export function endHosted(name: string, owner: Owner, call: Call): void {
  endDeliveryStream(requireHosted(name, owner, call), call);
}

function requireHosted(name: string, { account, region }: Owner, call: Call): DeliveryStream {
  const found = findDeliveryStream({ account, region, name }, call);
  if (found === undefined) throw new Error(`The delivery stream ${name} is missing.`);
  return found;
}
