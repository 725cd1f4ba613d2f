// The function of an executor that is slower than the others.
import sleep from './sleep.js'

export const SLOWNESS = 5

export default (milliseconds: number) => sleep(milliseconds * SLOWNESS)
