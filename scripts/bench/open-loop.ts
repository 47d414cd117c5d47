/** A helper that sends requests at a fixed rate, whatever becomes of the ones before. */
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { type Pace, sendAtRate } from './paced-sending.ts';

export type OpenLoop = Omit<Pace, 'onPlanned'>;

pin(process.pid, 'load');
/** The latency of each request in milliseconds, in the order in which they were planned. */
serveJobs<OpenLoop, Float64Array>(sendAtRate);
