/**
 * Resolves a CloudFormation template with the values of its parameters, as CloudFormation does before it creates resources: the
 * conditions, and every function whose arguments are known. References to resources and pseudo parameters stay.
 *
 * The result is in a normal form: text is a list of parts, numbers are text, and an absent value is left out. Two templates
 * that mean the same have the same form.
 */

export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
type Node = Readonly<Record<string, Value>>;

interface ParameterDefinition {
  readonly Default?: string | number;
  readonly AllowedValues?: readonly (string | number)[];
  readonly AllowedPattern?: string;
}

export interface Template {
  readonly Parameters?: Readonly<Record<string, ParameterDefinition>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Value>>>>>>;
  readonly Conditions?: Readonly<Record<string, Node>>;
  readonly Rules?: Readonly<Record<string, Node>>;
  readonly Resources: Readonly<Record<string, Node>>;
  readonly Outputs?: Readonly<Record<string, Node>>;
}

/**
 * The text of a value that only CloudFormation knows, such as a reference to a resource. Its punctuation is replaced, so that
 * `Fn::Split` doesn't find its separator in it.
 */
export function unknown(value: Value): string {
  const hidden = JSON.stringify(value).replaceAll(/[^A-Za-z0-9]/g, (one) =>
    String.fromCharCode(0xe000 + one.charCodeAt(0)),
  );
  return `<${hidden}>`;
}

export interface Resolved {
  readonly Resources: Readonly<Record<string, Node>>;
  readonly Outputs: Readonly<Record<string, Node>>;
}

const isNode = (value: Value | undefined): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export class Resolver {
  private readonly template: Template;
  private readonly values: ReadonlyMap<string, string>;

  constructor(template: Template, parameters: Readonly<Record<string, string>>) {
    this.template = template;
    const { Parameters = {} } = template;
    const unknown = Object.keys(parameters).filter((name) => !(name in Parameters));
    if (unknown.length > 0) throw new Error(`The template has no parameters ${unknown.join(', ')}.`);
    this.values = new Map(
      Object.entries(Parameters).map(([name, { Default }]) => {
        const value = parameters[name] ?? Default;
        if (value === undefined) throw new Error(`The parameter ${name} has no value.`);
        return [name, String(value)];
      }),
    );
  }

  resolved(): Resolved {
    const { Resources, Outputs = {} } = this.template;
    return { Resources: this.section(Resources), Outputs: this.section(Outputs) };
  }

  /** The descriptions of the assertions that fail. */
  failedAssertions(): string[] {
    return Object.values(this.template.Rules ?? {}).flatMap(({ RuleCondition, Assertions }) => {
      if (RuleCondition !== undefined && !this.isTrue(RuleCondition)) return [];
      return (Assertions as readonly Node[]).flatMap(({ Assert, AssertDescription }) =>
        Assert !== undefined && this.isTrue(Assert) ? [] : [String(AssertDescription)],
      );
    });
  }

  private section(items: Readonly<Record<string, Node>>): Record<string, Node> {
    return Object.fromEntries(
      Object.entries(items).flatMap(([id, { Condition, ...item }]) => {
        if (Condition !== undefined && !this.isTrue({ Condition })) return [];
        const { DependsOn, Metadata, ...rest } = item;
        // A reference in metadata is a dependency, like DependsOn.
        const dependencies = [DependsOn ?? []].flat() as string[];
        const created = isNode(Metadata) ? this.value(Metadata['CreateAfter'] ?? []) : [];
        const targets = Object.keys(items).filter((target) => (created as string[]).includes(unknown({ Ref: target })));
        dependencies.push(...targets);
        const resolved = this.value(rest) as Node;
        return [
          [id, { ...resolved, ...(dependencies.length > 0 && { DependsOn: [...new Set(dependencies)].sort() }) }],
        ];
      }),
    );
  }

  private value(value: Value): Value | undefined {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    if (Array.isArray(value)) return value.map((item) => this.value(item)).filter((item) => item !== undefined);
    if (!isNode(value)) return value;
    const [[name, argument] = ['', ''], ...others] = Object.entries(value);
    if (others.length === 0 && (name === 'Ref' || name.startsWith('Fn::')))
      return this.called(name, argument as Value, value);
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => {
        const resolved = this.value(inner);
        return resolved === undefined ? [] : [[key, resolved]];
      }),
    );
  }

  private called(name: string, argument: Value, whole: Node): Value | undefined {
    const list = argument as readonly Value[];
    switch (name) {
      case 'Ref':
        if (argument === 'AWS::NoValue') return undefined;
        return this.values.get(String(argument)) ?? unknown(whole);
      case 'Fn::If':
        return this.value((this.isTrue({ Condition: String(list[0]) }) ? list[1] : list[2]) as Value);
      case 'Fn::Join':
        return (this.value(list[1] as Value) as string[]).join(String(list[0]));
      case 'Fn::Split':
        return String(this.value(list[1] as Value)).split(String(list[0]));
      case 'Fn::Select': {
        const selected = this.value(list[1] as Value);
        if (!Array.isArray(selected)) return unknown(whole);
        const item = selected[Number(list[0])] as Value | undefined;
        if (item !== undefined) return item;
        if (selected.some((one) => typeof one === 'string' && /^<.*>$/.test(one))) return unknown(whole);
        throw new Error(`Fn::Select finds nothing: ${JSON.stringify(whole)}`);
      }
      case 'Fn::FindInMap': {
        const [map, first, second] = list.map((item) => String(this.value(item)));
        const found = this.template.Mappings?.[`${map}`]?.[`${first}`]?.[`${second}`];
        if (found === undefined) throw new Error(`Fn::FindInMap finds nothing: ${JSON.stringify(whole)}`);
        return this.value(found);
      }
      case 'Fn::GetAtt':
      case 'Fn::Sub':
      case 'Fn::GetAZs':
      case 'Fn::Cidr':
        return unknown(whole);
      default:
        throw new Error(`The resolver doesn't know ${name}.`);
    }
  }

  private isTrue(condition: Value): boolean {
    if (!isNode(condition)) throw new Error(`This isn't a condition: ${JSON.stringify(condition)}`);
    const [[name, argument] = ['', '']] = Object.entries(condition);
    const list = argument as readonly Value[];
    const all = () => list.map((item) => this.isTrue(item));
    switch (name) {
      case 'Condition': {
        const named = this.template.Conditions?.[String(argument)];
        if (named === undefined) throw new Error(`There is no condition ${String(argument)}.`);
        return this.isTrue(named);
      }
      case 'Fn::Equals':
        return String(this.value(list[0] as Value)) === String(this.value(list[1] as Value));
      case 'Fn::Not':
        return !all()[0];
      case 'Fn::And':
        return all().every(Boolean);
      case 'Fn::Or':
        return all().some(Boolean);
      case 'Fn::Contains':
        return (this.value(list[0] as Value) as string[]).includes(String(this.value(list[1] as Value)));
      default:
        throw new Error(`The resolver doesn't know the condition ${name}.`);
    }
  }
}
