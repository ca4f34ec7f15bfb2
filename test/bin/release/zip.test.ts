import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { zip } from '../../../bin/release/zip.ts';
import { runSyncOk, whyMissing } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';
import { testUnless } from '../../unless.ts';

const files = { 'index.mjs': Buffer.from('export const a = 1;\n'.repeat(500)), 'ä.txt': Buffer.from('ö') };

it('a ZIP file contains the compressed contents of its files', () => {
  const archive = zip({ 'index.mjs': files['index.mjs'] });
  const compressed = archive.readUInt32LE(18);
  const start = 30 + 'index.mjs'.length;
  expect(inflateRawSync(archive.subarray(start, start + compressed))).toEqual(files['index.mjs']);
  expect(compressed).toBeLessThan(files['index.mjs'].length / 10);
});

it('two ZIP files of the same contents are equal, in any order of the files', () => {
  const hash = (archive: Buffer) => createHash('sha256').update(archive).digest('hex');
  const reversed = Object.fromEntries(Object.entries(files).reverse());
  expect(hash(zip(reversed))).toBe(hash(zip(files)));
});

testUnless(
  whyMissing('python3'),
  'another program reads the ZIP file, with permissions that let every user read its files',
  () => {
    const file = join(newFolder('zip-test'), 'a.zip');
    writeFileSync(file, zip(files));
    const script = `import zipfile, sys
archive = zipfile.ZipFile(sys.argv[1])
print(archive.testzip(), [(one.filename, one.file_size, oct(one.external_attr >> 16)) for one in archive.infolist()])`;
    expect(runSyncOk('python3', ['-c', script, file])).toBe(
      "None [('index.mjs', 10000, '0o100644'), ('ä.txt', 2, '0o100644')]",
    );
  },
);
