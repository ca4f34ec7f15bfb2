/** Collects the licences of the packages in a bundle, because most licences require that their text accompanies the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file with the licences, next to the bundle. */
export const LICENSES_FILE = 'THIRD-PARTY-LICENSES.txt';

const LICENSE_FILE = /^(?:licen[sc]e|copying|notice)(?:[.-]|$)/i;

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly homepage?: string;
}

/**
 * The text of the file: each licence once, with the packages that it applies to.
 *
 * @param inputs files of the bundle, as esbuild's metafile lists them
 * @param root folder that the paths in `inputs` are relative to
 */
export function thirdPartyLicenses(inputs: readonly string[], root: string): string {
  const folders = new Set(
    inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input.replaceAll('\\', '/'))?.[1] ?? []),
  );
  const packages = [...folders].sort().map((folder) => readPackage(join(root, folder)));
  const byText = Map.groupBy(packages, ({ text }) => text);
  const sections = [...byText].map(([text, its]) => `${its.map(({ title }) => title).join('\n')}\n\n${text}`);
  const line = `\n\n${'-'.repeat(80)}\n\n`;
  return `This bundle contains the following packages.${line}${sections.join(line)}\n`;
}

/** @throws if a package has no licence information */
function readPackage(folder: string): { readonly title: string; readonly text: string } {
  const { name, version, license, homepage }: PackageManifest = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const files = readdirSync(folder)
    .filter((file) => LICENSE_FILE.test(file))
    .sort();
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  if (license === undefined && texts.length === 0) {
    throw new Error(`The package ${name} ${version} has no licence information, so it can't be bundled.`);
  }
  const place = homepage === undefined ? '' : `; see ${homepage}`;
  return {
    title: `${name} ${version}: ${license ?? 'see below'}${texts.length === 0 ? place : ''}`,
    text: texts.length === 0 ? 'These packages contain no licence text.' : texts.join('\n\n'),
  };
}
