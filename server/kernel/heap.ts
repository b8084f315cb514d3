/**
 * What Node is told about the memory of a process, by whoever starts it. V8 moves what outlives two
 * collections into its old generation, and lets that grow to several times what lives. Told so, it
 * collects sooner, on another thread: 284 MB are resident after ten minutes of full load in place
 * of some 450, as fast (`npm run bench -- --soak`). NODE_OPTIONS may give it another new space: see
 * what 128 do for a crowd in docs/operating/capacity.md.
 */
export function heapArguments(environment: NodeJS.ProcessEnv = process.env): string[] {
  const isGiven = /--max[-_]semi[-_]space[-_]size/.test(environment["NODE_OPTIONS"] ?? "");
  return [...(isGiven ? [] : ["--max-semi-space-size=32"]), "--heap-growing-percent=80"];
}
