/** Writes a ZIP archive (APPNOTE.TXT 6.3): every entry, the directory of them, the end record. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFile {
  /** In the charset of the reader: nothing in the archive says which. */
  readonly name: Buffer;
  readonly content: Buffer;
}

const localSignature = 0x04034b50;
const directorySignature = 0x02014b50;
const endSignature = 0x06054b50;
const deflated = 8;
/** 2.0, the first that knows folders and deflate. */
const versionNeeded = 20;

export function writeZip(
  files: readonly ZipFile[],
  options: { readonly at: Date; readonly isDamaged: boolean },
): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, content } of files) {
    const packed = deflateRawSync(content);
    const checksum = (crc32(content) ^ (options.isDamaged ? 1 : 0)) >>> 0;
    const shared = sharedFields({ name, content, packed, checksum, at: options.at });
    const local = Buffer.concat([uint32(localSignature), shared, name, packed]);
    const entry = Buffer.alloc(14); // No comment, first disk, no attributes.
    entry.writeUInt32LE(at, 10);
    directory.push(uint32(directorySignature), uint16(versionNeeded), shared, entry, name);
    locals.push(local);
    at += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(endSignature, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, listed, end]);
}

/** The 26 bytes that an entry and its line in the directory have in common. */
function sharedFields(entry: {
  readonly name: Buffer;
  readonly content: Buffer;
  readonly packed: Buffer;
  readonly checksum: number;
  readonly at: Date;
}): Buffer {
  const { at } = entry;
  const fields = Buffer.alloc(26); // Flags and extra fields stay zero.
  fields.writeUInt16LE(versionNeeded, 0);
  fields.writeUInt16LE(deflated, 4);
  // Two seconds a step, years since 1980: MS-DOS time.
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  fields.writeUInt16LE(time, 6);
  const day = ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  fields.writeUInt16LE(day, 8);
  fields.writeUInt32LE(entry.checksum, 10);
  fields.writeUInt32LE(entry.packed.length, 14);
  fields.writeUInt32LE(entry.content.length, 18);
  fields.writeUInt16LE(entry.name.length, 22);
  return fields;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
