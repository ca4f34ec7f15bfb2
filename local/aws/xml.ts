/** XML of a response. The members of an object become elements with their names, in order. An absent member is left out. */
export function xml(value: unknown, listItem: 'member' | 'item'): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => element(listItem, item, listItem)).join('');
  if (typeof value !== 'object') return xmlText(String(value));
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => element(name, member, listItem))
    .join('');
}

function element(name: string, value: unknown, listItem: 'member' | 'item'): string {
  return `<${name}>${xml(value, listItem)}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};

/** Escapes text. XML 1.0 can't contain most control characters, so they become `?`. https://www.w3.org/TR/xml/#charsets */
export function xmlText(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '?')
      .replaceAll(/[&<>"\r]/g, (character) => ENTITIES[character] ?? '')
  );
}
