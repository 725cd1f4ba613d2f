// Node tells by an event that a process could not be started for some reasons, and throws for others. Here all come by the event.
import { ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

export function spawnProcess(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return spawn(command, args, options)
  } catch (error) {
    const unstarted = new ChildProcess()
    process.nextTick(() => unstarted.emit('error', error))
    return unstarted
  }
}
