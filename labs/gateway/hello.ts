/** Client hellos, byte by byte, for attempts that no TLS library makes. */

const u8 = (value: number) => Buffer.from([value]);
const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const with16 = (body: Buffer) => Buffer.concat([u16(body.length), body]);
const extension = (type: number, body: Buffer) => Buffer.concat([u16(type), with16(body)]);

/** The encrypted client hello of https://www.rfc-editor.org/rfc/rfc9849: outer form, one suite, with random contents. */
const ECH = extension(
  0xfe0d,
  Buffer.concat([u8(0), u16(1), u16(1), u8(7), with16(Buffer.alloc(32, 7)), with16(Buffer.alloc(176, 9))]),
);

/** A TLS 1.2 client hello that servers with an EC certificate answer. */
export function clientHello(serverName: string | undefined, { ech = false } = {}): Buffer {
  const name = Buffer.from(serverName ?? '');
  const extensions = Buffer.concat([
    ...(serverName === undefined ? [] : [extension(0, with16(Buffer.concat([u8(0), with16(name)])))]),
    // supported groups, point formats, signature algorithms
    extension(10, with16(Buffer.concat([u16(0x001d), u16(0x0017)]))),
    extension(11, Buffer.from([1, 0])),
    extension(13, with16(Buffer.concat([u16(0x0403), u16(0x0804), u16(0x0401)]))),
    ...(ech ? [ECH] : []),
  ]);
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 1),
    u8(0),
    with16(Buffer.concat([u16(0xc02b), u16(0xc02f)])),
    Buffer.from([1, 0]),
    with16(extensions),
  ]);
  const handshake = Buffer.concat([u8(1), u8(body.length >> 16), u16(body.length & 0xffff), body]);
  return Buffer.concat([u8(22), u16(0x0301), with16(handshake)]);
}
