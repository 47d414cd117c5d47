/** Results → wire. The result of an operation is an ordinary object; Buffers are blobs, Dates are timestamps. */

/** Members that are undefined are left out, as AWS leaves out what is not set. */
export type WireValue =
  | string
  | number
  | boolean
  | undefined
  | Buffer
  | Date
  | readonly WireValue[]
  | { readonly [name: string]: WireValue };

/** Compact JSON in AWS's forms: blobs as base64, timestamps as seconds with up to three decimals. */
export const encodeJson = (value: WireValue): string => appended('', value);

/** One text that grows: joining the texts of ten thousand records would copy them once more. */
function appended(text: string, value: WireValue): string {
  switch (typeof value) {
    case 'string':
      return text + JSON.stringify(value);
    case 'object':
      return appendedObject(text, value);
    default:
      return text + String(value);
  }
}

function appendedObject(text: string, value: WireValue & object): string {
  // base64 has no character that JSON would escape.
  if (Buffer.isBuffer(value)) return `${text}"${value.toString('base64')}"`;
  if (value instanceof Date) return text + String(value.getTime() / 1000);
  return Array.isArray(value) ? appendedList(text, value) : appendedStructure(text, value as Structure);
}

function appendedList(start: string, values: readonly WireValue[]): string {
  let text = `${start}[`;
  for (let index = 0; index < values.length; index += 1) {
    if (index > 0) text += ',';
    text = appended(text, values[index]);
  }
  return `${text}]`;
}

type Structure = { readonly [name: string]: WireValue };

function appendedStructure(start: string, structure: Structure): string {
  let text = `${start}{`;
  let separator = '';
  for (const name in structure) {
    const member = structure[name];
    if (member === undefined) continue;
    text = appended(`${text}${separator}${quoted(name)}:`, member);
    separator = ',';
  }
  return `${text}}`;
}

/** Names of members are plain words; the keys of maps may be anything. */
const quoted = (name: string): string => (/^\w+$/.test(name) ? `"${name}"` : JSON.stringify(name));
