// The command lines of programs for developers.

/** Reads one; `--help`, or what `read` throws, ends the process with the usage. */
export function readOrEnd<Options>(usage: string, read: () => Options): Options {
  if (process.argv.slice(2).some(word => word === '--help' || word === '-h')) {
    process.stdout.write(usage)
    process.exit(0)
  }
  try {
    return read()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}
