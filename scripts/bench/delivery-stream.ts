/** A delivery stream to be measured, in a program of its own. */
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { NEVER, type Program, startProgram } from './millrace.ts';
import { FIREHOSE, STREAM } from './requests.ts';

export type CompressionFormat = 'UNCOMPRESSED' | 'GZIP';

export interface DeliveringProgram extends Program {
  /** Where its data file is. */
  readonly directory: string;
}

const ACTIVE_POLL_MS = 50;

/**
 * Starts Millrace with an active delivery stream that delivers only when it is told to, however much is put into it: a
 * delivery, or the file being shrunk after one, would be measured with whatever else happens at the time.
 */
export async function startDeliveryStream(format: CompressionFormat, cleanup: Cleanup): Promise<DeliveringProgram> {
  const directory = temporaryDirectory(cleanup);
  const program = await startProgram(directory, { FLUSH_SCHEDULE: NEVER, SWEEP_SCHEDULE: NEVER }, cleanup);
  await program.call(`${FIREHOSE}.CreateDeliveryStream`, {
    DeliveryStreamName: STREAM,
    ExtendedS3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/bench',
      BucketARN: 'arn:aws:s3:::bench',
      BufferingHints: { SizeInMBs: 128, IntervalInSeconds: 900 },
      CompressionFormat: format,
    },
  });
  for (let status = ''; status !== 'ACTIVE'; ) {
    await new Promise((resolve) => setTimeout(resolve, ACTIVE_POLL_MS));
    const answer = await program.call(`${FIREHOSE}.DescribeDeliveryStream`, { DeliveryStreamName: STREAM });
    status = answer.DeliveryStreamDescription.DeliveryStreamStatus;
  }
  return { ...program, directory };
}
