/**
 * Reads the entries of a ZIP archive that is wholly in memory (APPNOTE.TXT 6.3): the end record,
 * the central directory, then each entry's bytes. Alipay's statements are all that is read with it,
 * so encryption, ZIP64 and archives in parts are not understood and make the archive unreadable.
 */
import { crc32, inflateRawSync } from "node:zlib";

export interface ZipEntry {
  /** Bytes as they stand there: the archive does not say in which charset. */
  readonly name: Buffer;
  readonly content: Buffer;
}

const endSignature = 0x06054b50;
const directorySignature = 0x02014b50;
const localSignature = 0x04034b50;
const endBytes = 22;
const directoryBytes = 46;
const localBytes = 30;
const commentBytesMax = 65_535;
/** An archive of statements has two entries. */
const entriesMax = 20;

/** Undefined for what is no archive, is damaged, or holds more than `bytesMax` when unpacked. */
export function readZip(archive: Buffer, bytesMax: number): readonly ZipEntry[] | undefined {
  try {
    return readEntries(archive, bytesMax);
  } catch (error) {
    // Offsets that lead out of the buffer, and data that does not inflate.
    if (error instanceof RangeError || (error instanceof Error && "code" in error))
      return undefined;
    throw error;
  }
}

function readEntries(archive: Buffer, bytesMax: number): ZipEntry[] | undefined {
  const end = findEnd(archive);
  if (end === undefined) return undefined;
  const count = archive.readUInt16LE(end + 10);
  if (count > entriesMax) return undefined;
  const entries: ZipEntry[] = [];
  let at = archive.readUInt32LE(end + 16);
  let bytesLeft = bytesMax;
  for (let index = 0; index < count; index += 1) {
    if (archive.readUInt32LE(at) !== directorySignature) return undefined;
    const nameLength = archive.readUInt16LE(at + 28);
    const content = readContent(archive, at, bytesLeft);
    if (content === undefined) return undefined;
    bytesLeft -= content.length;
    const nameAt = at + directoryBytes;
    entries.push({ name: archive.subarray(nameAt, nameAt + nameLength), content });
    at = nameAt + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}

/** The end record stands last, before a comment of unknown length. */
function findEnd(archive: Buffer): number | undefined {
  const first = Math.max(0, archive.length - endBytes - commentBytesMax);
  for (let at = archive.length - endBytes; at >= first; at -= 1) {
    if (archive.readUInt32LE(at) === endSignature) return at;
  }
  return undefined;
}

/** The directory's sizes count: a local header may leave them open when it was written. */
function readContent(archive: Buffer, at: number, bytesMax: number): Buffer | undefined {
  const method = archive.readUInt16LE(at + 10);
  const checksum = archive.readUInt32LE(at + 16);
  const packedLength = archive.readUInt32LE(at + 20);
  const local = archive.readUInt32LE(at + 42);
  if (archive.readUInt32LE(local) !== localSignature) return undefined;
  const nameLength = archive.readUInt16LE(local + 26);
  const start = local + localBytes + nameLength + archive.readUInt16LE(local + 28);
  if (start + packedLength > archive.length) return undefined;
  const packed = archive.subarray(start, start + packedLength);
  const content = unpack(packed, method, bytesMax);
  if (content === undefined || crc32(content) !== checksum) return undefined;
  return content;
}

function unpack(packed: Buffer, method: number, bytesMax: number): Buffer | undefined {
  if (method === 0) return packed.length > bytesMax ? undefined : packed;
  if (method !== 8 || bytesMax <= 0) return undefined;
  return inflateRawSync(packed, { maxOutputLength: bytesMax });
}
