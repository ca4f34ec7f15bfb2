/** Programs and zip files for the tests, small enough to make in memory. */
import { crc32 } from 'node:zlib';

const MACHINES = { amd64: [0x3e, 0x00], arm64: [0xb7, 0x00] } as const;

/** The first bytes of a program. They show its architecture, but it can't run. */
export function elf(architecture: keyof typeof MACHINES): Buffer {
  const header = Buffer.from('\x7fELF\x02\x01\x01', 'latin1');
  return Buffer.concat([header, Buffer.alloc(9), Buffer.from([3, 0, ...MACHINES[architecture], 1, 0, 0, 0])]);
}

/** A zip file with uncompressed members. */
export function zip(members: Readonly<Record<string, Buffer>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(members)) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(0o100755 * 65_536, 6);
    central.writeUInt32LE(offset, 10);
    // Made on Unix by version 2.0.
    directory.push(Buffer.from([0x50, 0x4b, 1, 2, 20, 3]), common, central, Buffer.from(name));
    const member = [Buffer.from([0x50, 0x4b, 3, 4]), common, Buffer.from(name), bytes];
    parts.push(...member);
    offset += member.reduce((sum, part) => sum + part.length, 0);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(members).length, 8);
  end.writeUInt16LE(Object.keys(members).length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}
