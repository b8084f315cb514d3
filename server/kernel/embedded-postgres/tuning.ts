import { totalmem } from "node:os";

export type PostgresSettings = Readonly<Record<string, string | number>>;

const mebibyte = 1024 * 1024;

/**
 * For many small commits on a machine that other programs use too. Durability is never touched:
 * fsync, synchronous_commit and full_page_writes keep their default, which is on.
 */
export function tunedSettings(memoryBytes = usableMemory()): PostgresSettings {
  const memoryMb = Math.floor(memoryBytes / mebibyte);
  return {
    // A quarter of the memory is PostgreSQL's own advice. Hot rows need little of it; the index by
    // member of ten million orders needs more than 512 MB (82 % of the empty pace, 87 % with 2 GB).
    shared_buffers: `${clamp(Math.floor(memoryMb / 4), 32, 2_048)}MB`,
    effective_cache_size: `${clamp(Math.floor(memoryMb / 2), 128, 65_536)}MB`,
    // After each checkpoint every page is written to the log whole once, so they are kept rare.
    max_wal_size: "4GB",
    checkpoint_timeout: "15min",
    // These binaries know pglz only (no lz4), which costs more processor time than it saves disk.
    wal_compression: "off",
    // Compiling a plan takes longer than any of our statements run.
    jit: "off",
    max_connections: 100,
    // A few rows change all the time; a dead version that is left lengthens the next read.
    autovacuum_naptime: "15s",
    // All disks that this runs on today read random pages nearly as fast as sequential ones.
    random_page_cost: 1.1,
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %a ",
    log_checkpoints: "off",
  };
}

/** In a container the limit of the container, which the system's own figure does not show. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
