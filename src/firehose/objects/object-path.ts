/**
 * Keys of objects as paths of files, and back. A key is any text: `../../etc/passwd`, a megabyte-long name or a control
 * character is as good as any other, and parts of it may come from the bytes of a record. So whatever is not a harmless
 * letter is percent-encoded, and what a directory cannot hold otherwise gets a marker: `%` before something that
 * is no hexadecimal digit, which encoding never makes. Pure.
 */

/** Stands for the empty segment before a leading slash, behind a trailing one and between two in a row. */
const EMPTY = '%_';
/** Ends a directory that holds only the beginning of a segment; the rest is the name below it. */
const CONTINUED = '%-';
/** Ends the name of a file where a directory has the object's name already: keys `a/b` and `a`. */
const AS_FILE = '%file';
/** Ends the name of a directory where a file has its name already: keys `a` and `a/b`. */
const AS_DIRECTORY = '%dir';

/** Most file systems take 255 bytes per name; this leaves room for two markers. */
const NAME_BYTES_MAX = 240;

export interface ObjectName {
  readonly bucket: string;
  /** As S3 knows it, without percent-encoding. */
  readonly key: string;
}

/**
 * The names of the directories below the root, outermost first, and of the file of an object. Different objects have
 * different paths on a case-sensitive file system. A lone surrogate, which has no UTF-8 form, counts as U+FFFD.
 */
export function pathOf(bucket: string, key: string): string[] {
  const bucketNames = namesOf(encodedSegment(bucket).replace(/^\./, '%2E'));
  return [...bucketNames, ...key.split('/').flatMap((segment) => namesOf(encodedSegment(segment)))];
}

/** The name for `name` when a directory has that name already, but a file is to be stored. */
export const fileBeside = (name: string): string => name + AS_FILE;

/** The name for `name` when a file has that name already, but a directory is needed. */
export const directoryBeside = (name: string): string => name + AS_DIRECTORY;

/** The object whose path is `segments`, be they as `pathOf` makes them or moved beside others; undefined if there is none. */
export function keyOf(segments: readonly string[]): ObjectName | undefined {
  const plain = segments.map((name, index) => withoutEnd(name, index === segments.length - 1 ? AS_FILE : AS_DIRECTORY));
  const [bucket, ...parts] = joined(plain).map(decodedSegment);
  if (bucket === undefined || parts.length === 0) return undefined;
  const key = parts.join('/');
  // There is one way to write an object's path; what is written otherwise was not made by us.
  const canonical = pathOf(bucket, key);
  const isCanonical = canonical.length === plain.length && canonical.every((name, index) => name === plain[index]);
  return isCanonical ? { bucket, key } : undefined;
}

function encodedSegment(segment: string): string {
  if (segment === '') return EMPTY;
  const encoded = segment.replaceAll(/[^A-Za-z0-9!_.*'()=-]+/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  // Windows drops dots at the end, and everybody takes `.` and `..` for other directories.
  return encoded === '..' ? '%2E%2E' : encoded.replace(/\.$/, '%2E');
}

function decodedSegment(encoded: string): string {
  if (encoded === EMPTY) return '';
  const bytes = encoded.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** An encoded segment as one name, or as several when it is too long for one. No encoded byte is torn apart. */
function namesOf(encoded: string): string[] {
  const names: string[] = [];
  let rest = encoded;
  while (rest.length > NAME_BYTES_MAX) {
    const part = rest.slice(0, NAME_BYTES_MAX - CONTINUED.length).replace(/%.?$/, '');
    names.push(part + CONTINUED);
    rest = rest.slice(part.length);
  }
  return [...names, rest];
}

/** The inverse of `namesOf`, for the names of several segments. */
function joined(names: readonly string[]): string[] {
  const segments: string[] = [];
  let beginning = '';
  for (const name of names) {
    if (name.endsWith(CONTINUED)) {
      beginning += withoutEnd(name, CONTINUED);
    } else {
      segments.push(beginning + name);
      beginning = '';
    }
  }
  return segments;
}

const withoutEnd = (name: string, end: string) => (name.endsWith(end) ? name.slice(0, -end.length) : name);
