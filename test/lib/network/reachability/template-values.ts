/** The resources of a synthesized template, with the values that CloudFormation would fill in. */
import * as z from 'zod';

/** Values that CloudFormation knows and a template doesn't. */
export interface Fill {
  readonly region: string;
  readonly account: string;
  /** The template's mappings. */
  readonly mappings?: Mappings;
}

type Mappings = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;

export const FILL: Fill = { region: 'eu-central-1', account: '123456789012' };

const resource = z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) });
const mappings = z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown())));
const template = z.looseObject({ Resources: z.record(z.string(), resource), Mappings: mappings.default({}) });

/** A resource with its values. References to others are `<LogicalId>` or `<LogicalId.Attribute>`. */
export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Returns every resource of a template. */
export function resourcesIn(json: unknown, fill: Fill = FILL): Resource[] {
  const { Resources, Mappings } = template.parse(json);
  const known = { ...fill, mappings: Mappings };
  return Object.entries(Resources).map(([id, { Type, Properties }]) => ({
    id,
    type: Type,
    properties: Object.fromEntries(Object.entries(Properties).map(([key, value]) => [key, filled(value, known)])),
  }));
}

const pseudo = (fill: Fill): Readonly<Record<string, string>> => ({
  'AWS::Region': fill.region,
  'AWS::AccountId': fill.account,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
});

/** Replaces each intrinsic function in a value by its result. */
export function filled(value: unknown, fill: Fill = FILL): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => filled(item, fill));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (entries.length === 1 && name !== undefined) {
    if (name === 'Ref') return pseudo(fill)[String(argument)] ?? `<${String(argument)}>`;
    if (name === 'Fn::GetAtt') return `<${z.tuple([z.string(), z.string()]).parse(argument).join('.')}>`;
    if (name === 'Fn::Join') {
      const [by, parts] = z.tuple([z.string(), z.array(z.unknown())]).parse(argument);
      return parts.map((part) => String(filled(part, fill))).join(by);
    }
    if (name === 'Fn::FindInMap') {
      const [map, top, second] = z.tuple([z.string(), z.unknown(), z.string()]).parse(argument);
      const found = fill.mappings?.[map]?.[String(filled(top, fill))]?.[second];
      if (found === undefined) throw new Error(`No value in ${JSON.stringify(argument)}`);
      return found;
    }
    // The tests need only the resource that the list belongs to, so the index of a zone or an endpoint doesn't matter.
    if (name === 'Fn::Select') {
      const [index, list] = z.tuple([z.union([z.number(), z.string()]), z.unknown()]).parse(argument);
      const from = filled(list, fill);
      if (Array.isArray(from)) return from[Number(index)];
      return typeof from === 'string' && from.endsWith('.EndpointIds>') ? from : `${String(from)}[${index}]`;
    }
    if (name === 'Fn::Split') return filled(z.tuple([z.string(), z.unknown()]).parse(argument)[1], fill);
    if (name === 'Fn::GetAZs') return 'zone';
    if (name === 'Fn::Cidr') return `cidr of ${String(filled(z.array(z.unknown()).parse(argument)[0], fill))}`;
  }
  return Object.fromEntries(entries.map(([key, inner]) => [key, filled(inner, fill)]));
}

/** Returns a property. @throws if it is not text */
export function text({ id, properties }: Resource, name: string): string {
  const value = properties[name];
  if (typeof value !== 'string') throw new Error(`${id} has no text ${name}, but ${JSON.stringify(value)}`);
  return value;
}

/** Returns a property, if it is text. */
export function optionalText({ properties }: Resource, name: string): string | undefined {
  const value = properties[name];
  return typeof value === 'string' ? value : undefined;
}
