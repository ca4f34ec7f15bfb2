/** `node bundle-process.ts NAME FOLDER`: bundles the function in `functions/NAME` into the folder. */
import { writeFileSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { PACKAGE_ROOT } from '../package-root.ts';
import { BUNDLE_OPTIONS, BUNDLE_PLUGINS } from './bundle-options.ts';
import { LICENSES_FILE, thirdPartyLicenses } from './third-party-licenses.ts';

const [, , name = '', folder = ''] = process.argv;
const entry = join(PACKAGE_ROOT, 'functions', name, `handler${extname(import.meta.filename)}`);
// Paths in a source map are relative to the bundle, so the asset's hash would depend on the output folder. To avoid that, esbuild creates the
// bundle in memory with a fixed path.
const built = await build({
  absWorkingDir: PACKAGE_ROOT,
  entryPoints: [relative(PACKAGE_ROOT, entry)],
  outfile: 'index.mjs',
  write: false,
  metafile: true,
  ...BUNDLE_OPTIONS,
  plugins: [...BUNDLE_PLUGINS],
});
for (const file of built.outputFiles) writeFileSync(join(folder, basename(file.path)), file.contents);
writeFileSync(join(folder, LICENSES_FILE), thirdPartyLicenses(Object.keys(built.metafile.inputs), PACKAGE_ROOT));
