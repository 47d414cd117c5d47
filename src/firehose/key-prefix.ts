/** The names of objects: prefixes with their expressions, and what stands behind them. Pure. */
import { type DatePattern, formatDatePattern, parseDatePattern } from './date-pattern.ts';
import { invalidArgument } from './errors.ts';
import { isSupportedTimeZone } from './time-zone.ts';

export interface Prefixes {
  readonly Prefix: string | undefined;
  readonly ErrorOutputPrefix: string | undefined;
  readonly CustomTimeZone: string | undefined;
}

/** A part of a prefix: text as it is, or what an expression `!{namespace:value}` stands for. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'timestamp'; readonly pattern: DatePattern }
  | { readonly kind: 'random-string' }
  | { readonly kind: 'error-output-type' };

type Which = 'Prefix' | 'ErrorOutputPrefix';

const PARTITION_NAMESPACES = ['partitionKeyFromQuery', 'partitionKeyFromLambda'];

/** AWS's spelling. */
const unfit = (reason: string) =>
  invalidArgument(`Ths supplied prefix(es) do not satisfy the following constraint: ${reason}`);

const EVALUATED_MAX = 512;

/**
 * Checks prefixes as they are configured; `now` is the instant for which they are evaluated to see how long they get.
 * @throws ApiError InvalidArgumentException
 */
export function assertPrefixes({ Prefix, ErrorOutputPrefix, CustomTimeZone }: Prefixes, now: number): void {
  if (CustomTimeZone !== undefined && !isSupportedTimeZone(CustomTimeZone)) {
    throw invalidArgument(
      'Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter IANA time ' +
        'zones.',
    );
  }
  const parts = parsePrefix(Prefix ?? '', 'Prefix');
  const errorParts = parsePrefix(ErrorOutputPrefix ?? '', 'ErrorOutputPrefix');
  const hasExpressions = (of: readonly Part[]) => of.some(({ kind }) => kind !== 'text');
  const hasType = (of: readonly Part[]) => of.some(({ kind }) => kind === 'error-output-type');
  if (hasType(parts)) {
    throw unfit('Prefix must not contain any occurrence of !{firehose:error-output-type}');
  }
  if (hasExpressions(parts) && !ErrorOutputPrefix) {
    throw unfit('ErrorOutputPrefix cannot be null or empty when Prefix contains expressions');
  }
  if (hasExpressions(errorParts) && !hasType(errorParts)) {
    throw unfit('ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}');
  }
  const sample = { timeZone: CustomTimeZone, oldestArrivedMs: now, type: '', randomUuid: () => '0'.repeat(36) };
  for (const of of [parts, errorParts]) {
    if (evaluated(of, sample).length > EVALUATED_MAX) {
      throw unfit(`Length of evaluated prefix cannot be greater than ${EVALUATED_MAX}`);
    }
  }
}

/**
 * What is wrong with a prefix of deliveries for other services, which knows the same expressions but that of errors, as
 * whole sentences; undefined when nothing is.
 */
export function prefixProblem(prefix: string, now: number): string | undefined {
  if (prefix.includes('!{firehose:error-output-type}')) return 'It must not contain !{firehose:error-output-type}.';
  try {
    assertPrefixes({ Prefix: prefix, ErrorOutputPrefix: ANY_ERROR_PREFIX, CustomTimeZone: undefined }, now);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    // AWS ends only some of them.
    return /[.!]$/.test(message) ? message : `${message}.`;
  }
}

const ANY_ERROR_PREFIX = '!{firehose:error-output-type}';

/**
 * The parts of a prefix.
 * @throws ApiError InvalidArgumentException when an expression is not one.
 */
function parsePrefix(prefix: string, which: Which): readonly Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (let start = prefix.indexOf('!{'); start >= 0; start = prefix.indexOf('!{', from)) {
    const end = prefix.indexOf('}', start);
    const colon = prefix.indexOf(':', start);
    const nested = prefix.indexOf('!{', start + 2);
    if (end < 0 || colon < 0 || colon > end || (nested >= 0 && nested < end)) throw unfit('Invalid expression usage');
    if (start > from) parts.push({ kind: 'text', text: prefix.slice(from, start) });
    parts.push(parseExpression(prefix.slice(start + 2, colon), prefix.slice(colon + 1, end), which));
    from = end + 1;
  }
  if (from < prefix.length) parts.push({ kind: 'text', text: prefix.slice(from) });
  return parts;
}

function parseExpression(namespace: string, value: string, which: Which): Part {
  if (PARTITION_NAMESPACES.includes(namespace)) {
    throw invalidArgument(
      which === 'ErrorOutputPrefix'
        ? "Dynamic Partitioning Namespaces can't be part of an error prefix expression"
        : 'Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.',
    );
  }
  const badValue = () => unfit(`Invalid conversion character used in the value of the expression in ${which}`);
  switch (namespace) {
    case 'timestamp': {
      const pattern = parseDatePattern(value);
      if (pattern === undefined) throw badValue();
      return { kind: 'timestamp', pattern };
    }
    case 'firehose':
      if (value === 'random-string' || value === 'error-output-type') return { kind: value };
      throw badValue();
    default:
      throw unfit(`Namespace to the left of colon (${namespace}) is an invalid keyword!`);
  }
}

interface Circumstances {
  /** UTC when it is absent. */
  readonly timeZone: string | undefined;
  readonly oldestArrivedMs: number;
  /** Of an error; empty for other objects. */
  readonly type: string;
  readonly randomUuid: () => string;
}

/** The service's random strings are this long, and the beginnings of UUIDs. */
const RANDOM_STRING_LENGTH = 11;

const evaluated = (parts: readonly Part[], circumstances: Circumstances): string =>
  parts.map((part) => textOf(part, circumstances)).join('');

function textOf(part: Part, { timeZone, oldestArrivedMs, type, randomUuid }: Circumstances): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'timestamp':
      return formatDatePattern(part.pattern, oldestArrivedMs, timeZone ?? 'UTC');
    case 'random-string':
      return randomUuid().slice(0, RANDOM_STRING_LENGTH);
    case 'error-output-type':
      return type;
  }
}

const pattern = (text: string): DatePattern => parseDatePattern(text)!;
const DATE_PREFIX = pattern('yyyy/MM/dd/HH/');
const DATE_SECOND = pattern('yyyy-MM-dd-HH-mm-ss');

export interface KeyParts extends Omit<Circumstances, 'type'> {
  readonly prefix: string | undefined;
  /** Of the delivery stream. */
  readonly name: string;
  readonly version: number;
  readonly uuid: string;
  /** With its dot; may be empty. */
  readonly extension: string;
}

/** The key of an object. All dates in it are of the arrival of its oldest record, in whole seconds. */
export function objectKey(key: KeyParts): string {
  const { prefix, name, version, uuid, extension } = key;
  const parts = parsePrefix(prefix ?? '', 'Prefix');
  // The date follows whatever stands before it; no slash is put between them.
  const date = parts.some(({ kind }) => kind === 'timestamp') ? '' : dateOf(DATE_PREFIX, key);
  const second = dateOf(DATE_SECOND, key);
  return `${evaluated(parts, { ...key, type: '' })}${date}${name}-${version}-${second}-${uuid}${extension}`;
}

/** In the names of objects with what could not be delivered to a search cluster, whichever it is. */
const SEARCH_FAILED = 'AmazonOpenSearchService-failed';

/** The key of an object with documents that failed. An error prefix stands as it is; otherwise a folder tells what it is. */
export function failedDocumentsKey(key: KeyParts & { readonly errorOutputPrefix?: string | undefined }): string {
  const { prefix = '', errorOutputPrefix, name, version, uuid, extension } = key;
  const circumstances = { ...key, type: SEARCH_FAILED };
  const folder = errorOutputPrefix
    ? evaluated(parsePrefix(errorOutputPrefix, 'ErrorOutputPrefix'), circumstances)
    : `${prefix}${SEARCH_FAILED}/${dateOf(DATE_PREFIX, key)}`;
  return `${folder}${name}-${version}-${dateOf(DATE_SECOND, key)}-${uuid}${extension}`;
}

/** The key of a manifest in `folder`, which ends with a slash. It has no version in it. */
export function manifestKey(folder: string, key: Omit<KeyParts, 'version' | 'extension'>): string {
  const { prefix = '', name, uuid } = key;
  return `${prefix}${folder}${dateOf(DATE_PREFIX, key)}${name}-${dateOf(DATE_SECOND, key)}-${uuid}`;
}

const dateOf = (of: DatePattern, { oldestArrivedMs, timeZone }: Pick<Circumstances, 'oldestArrivedMs' | 'timeZone'>) =>
  formatDatePattern(of, oldestArrivedMs, timeZone ?? 'UTC');
