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
export function encodeJson(value: WireValue): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return encodeObject(value);
    default:
      return String(value);
  }
}

function encodeObject(value: WireValue & object): string {
  // base64 has no character that JSON would escape.
  if (Buffer.isBuffer(value)) return `"${value.toString('base64')}"`;
  if (value instanceof Date) return String(value.getTime() / 1000);
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(',')}]`;
  let text = '';
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) text += `${text === '' ? '' : ','}"${name}":${encodeJson(member)}`;
  }
  return `{${text}}`;
}
