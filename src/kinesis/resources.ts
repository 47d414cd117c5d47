/** Streams and consumers as what has a ResourceARN. */
import type { Call } from '../call.ts';
import { type Consumer, parseConsumerArn, requireConsumer } from './consumer-store.ts';
import { invalidArgument, streamNotFound } from './errors.ts';
import { findStream, type Stream, streamNameOfArn } from './stream-store.ts';

export interface Resource {
  /** As Millrace writes it: the key of what is kept by ARN. */
  readonly arn: string;
  /** The stream, or that of the consumer. */
  readonly stream: Stream;
  /** Undefined: the stream itself is meant. */
  readonly consumer: Consumer | undefined;
}

/**
 * The stream or consumer with the ARN, in whatever state.
 * @throws ApiError ResourceNotFoundException, or InvalidArgumentException when it is the ARN of neither
 */
export function requireResource(arn: string, call: Call): Resource {
  const name = streamNameOfArn(arn);
  if (name !== undefined) {
    const stream = findStream(name, call);
    if (stream === undefined) throw streamNotFound(name);
    return { arn: stream.arn, stream, consumer: undefined };
  }
  if (parseConsumerArn(arn) === undefined) {
    throw invalidArgument(`ResourceARN ${arn} is not the ARN of a stream or consumer.`);
  }
  const { consumer, stream } = requireConsumer(arn, call);
  return { arn: consumer.arn, stream, consumer };
}
