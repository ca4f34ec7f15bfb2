/** Changes of a synthesized template. */

/** Any part of a template. */
// biome-ignore lint/suspicious/noExplicitAny: a change can be anywhere
export type Part = any;
type Resources = Record<string, Part>;
export type Change = (resources: Resources) => void;

/** Changes the properties of every resource of a type. */
export function each(type: string, change: (properties: Part) => void): Change {
  return (resources) => {
    const some = Object.values(resources).filter((resource) => resource.Type === type);
    if (some.length === 0) throw new Error(`There is no ${type}.`);
    for (const resource of some) change(resource.Properties);
  };
}
