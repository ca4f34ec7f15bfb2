/**
 * Writes ZIP archives. Equal files result in equal bytes, whenever and wherever the archive is written, so the archive's hash
 * identifies the code. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { crc32, deflateRawSync } from 'node:zlib';

/** 1980-01-01 00:00, the earliest time that the format can express, as MS-DOS date and time. */
const DATE = 0x0021;
const TIME = 0;

/** Version 2.0 of the format: compression with Deflate. */
const VERSION = 20;
const DEFLATE = 8;
/** Names are UTF-8. */
const UTF_8 = 0x0800;
/** A regular file that everyone can read. Lambda's user isn't the owner of the files. */
const MODE = 0o100644;
/** In the upper byte of "version made by": the file attributes are those of Unix. */
const UNIX = 3;

/** @param files contents by name; names are sorted */
export function zip(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  const entries = Object.entries(files).sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [name, contents] of entries) {
    const nameBytes = Buffer.from(name);
    const data = deflateRawSync(contents, { level: 9 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION, 0);
    common.writeUInt16LE(UTF_8, 2);
    common.writeUInt16LE(DEFLATE, 4);
    common.writeUInt16LE(TIME, 6);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(contents), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(contents.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const header = Buffer.concat([signature(0x04034b50), common, nameBytes]);
    local.push(header, data);

    const attributes = Buffer.alloc(14);
    attributes.writeUInt32LE(MODE * 0x1_0000, 6);
    attributes.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([VERSION, UNIX]);
    central.push(signature(0x02014b50), madeBy, common, attributes, nameBytes);
    offset += header.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, signature(0x06054b50), end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
