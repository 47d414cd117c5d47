/** Channels: deliveries of a stream's records as objects. A part of the API of streams, made of both other services. */
import { rateExceeded } from '../kinesis/errors.ts';
import { TARGET } from '../kinesis/shapes.ts';
import { service } from '../protocol/operation.ts';
import * as channels from './channels.ts';
import * as creation from './creation.ts';
import * as listing from './listing.ts';
import * as updates from './updates.ts';

export const channelService = service(
  { target: TARGET, signingName: 'kinesis', showsValues: true, rateExceeded },
  creation,
  channels,
  updates,
  listing,
);
