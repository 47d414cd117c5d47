/** AWS Query, the oldest wire form: an operation and its input are the fields of a form, its answer is XML. */
import { inQuery, sideOf } from './error-names.ts';
import type { Form } from './form.ts';
import { decodeParameters, parametersOf } from './query-parameters.ts';
import type { WireStructure, WireValue } from './wire-value.ts';

export const FORM_TYPE = 'application/x-www-form-urlencoded';

export const query: Form = {
  contentType: 'text/xml',
  codec: {
    parse: (body) => parametersOf(body.toString('utf8')),
    decode: (shape, value) => decodeParameters(shape, value as URLSearchParams),
  },
  write(output, { target, service }, headers) {
    const { operationName } = target!;
    const result = output === undefined ? '' : element(`${operationName}Result`, content(output));
    const metadata = element('ResponseMetadata', requestIdOf(headers));
    return element(`${operationName}Response`, result + metadata, service?.query?.xmlNamespace);
  },
  writeError(error, { service }, headers) {
    const { name, status } = inQuery(error, service);
    const about = element('Type', sideOf(status)) + element('Code', name) + element('Message', escaped(error.message));
    const inner = element('Error', about) + requestIdOf(headers);
    return { status, body: element('ErrorResponse', inner, service?.query?.xmlNamespace) };
  },
};

const requestIdOf = (headers: Readonly<Record<string, string | number>>) =>
  element('RequestId', String(headers['x-amzn-RequestId']));

/** `inner` is XML already. */
function element(name: string, inner: string, namespace?: string): string {
  return `<${name}${namespace === undefined ? '' : ` xmlns="${namespace}"`}>${inner}</${name}>`;
}

/** Structures of texts, numbers and truth values: no more is answered in this form. */
function content(value: WireValue): string {
  if (typeof value !== 'object') return escaped(String(value));
  return Object.entries(value as WireStructure)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => element(name, content(member)))
    .join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Most control characters cannot stand in XML at all, not even escaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

const escaped = (text: string) =>
  text
    .toWellFormed()
    .replace(FORBIDDEN, '\ufffd')
    .replace(/[&<>]/g, (character) => ENTITIES[character]!);
