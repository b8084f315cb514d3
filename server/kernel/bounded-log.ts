import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync } from "node:fs";

export interface BoundedLog {
  readonly path: string;
  /** Opened for appending: hand it to children as their stdout or stderr. */
  readonly fd: number;
  close(): void;
}

/** About an hour of a busy day, and small enough to open in an editor. */
const bytesMaxDefault = 20 * 1024 * 1024;
const checkIntervalMs = 60_000;

/**
 * A log file that children write to directly, so nothing is lost when this process dies. It is
 * kept within twice its bound: when full, its content moves to `<path>.1` and it starts anew. The
 * children keep their descriptor, which is why the file is copied and emptied and not renamed.
 */
export function openBoundedLog(path: string, bytesMax = bytesMaxDefault): BoundedLog {
  const fd = openSync(path, "a+", 0o600);
  rotate(fd, path, bytesMax);
  const timer = setInterval(() => rotate(fd, path, bytesMax), checkIntervalMs);
  timer.unref();
  return {
    path,
    fd,
    close: () => {
      clearInterval(timer);
      closeSync(fd);
    },
  };
}

function rotate(fd: number, path: string, bytesMax: number): void {
  if (fstatSync(fd).size <= bytesMax) return;
  try {
    copyFileSync(path, `${path}.1`);
  } catch {
    // No room for a copy: then room matters more than the old lines.
  }
  ftruncateSync(fd);
}
