// Arguments from a stream: each line is one, in JSON. One may also go over several lines, as people and `jq .` write it.
//
// A line that is cut off must not take the others for its rest: where it would go on, there has to be a comma, a colon or a bracket,
// since no JSON has two values beside each other.

/** An argument, or what is wrong with a line. */
export type Read = { line: number; value: unknown; problem?: never } | { line: number; problem: string; value?: never }

const LINE_FEED = 10
const DECODER = new TextDecoder('utf-8', { fatal: true })
const NO_JSON = 'an argument is JSON'

/** @throws {Error} for a line that is longer than `most` bytes, and what `input` throws */
export async function* readJsonLines(input: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Read> {
  const documents = new Documents(most)
  let parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    let from = 0
    for (let end; (end = chunk.indexOf(LINE_FEED, from)) >= 0; from = end + 1) {
      parts.push(chunk.subarray(from, end))
      for (const read of documents.add(Buffer.concat(parts))) yield read
      parts = []
      bytes = 0
    }
    parts.push(chunk.subarray(from))
    bytes += chunk.length - from
    if (bytes > most) throw new Error(`line ${documents.lines + 1} has more than ${most} bytes`)
  }
  for (const read of [...documents.add(Buffer.concat(parts)), ...documents.end()]) yield read
}

class Documents {
  lines = 0
  readonly #most: number
  /** What has begun and is not complete. */
  #begun: { line: number; texts: string[]; length: number; depth: number } | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** What one more line completes. */
  add(bytes: Uint8Array): Read[] {
    const line = ++this.lines
    let text
    try {
      text = DECODER.decode(bytes).trim()
    } catch {
      return [...this.end(), { line, problem: 'it is not UTF-8' }]
    }
    if (text === '') return []
    if (!this.#begun) return this.#begin(line, text)
    if (!/[{[,:]$/.test(this.#begun.texts.at(-1)!) && !/^[}\],:]/.test(text))
      return [...this.end(), ...this.#begin(line, text)]
    return this.#goOn(text)
  }

  /** Nothing goes on any more. */
  end(): Read[] {
    if (!this.#begun) return []
    const { line } = this.#begun
    this.#begun = undefined
    return [{ line, problem: `${NO_JSON}, this one is not complete` }]
  }

  #begin(line: number, text: string): Read[] {
    const read = parsed(line, text)
    const depth = read.problem === undefined ? 0 : depthOf(text)
    if (!(depth > 0)) return [read]
    this.#begun = { line, texts: [text], length: text.length, depth }
    return []
  }

  #goOn(text: string): Read[] {
    const begun = this.#begun!
    begun.texts.push(text)
    begun.length += text.length
    begun.depth += depthOf(text)
    if (begun.depth > 0 && begun.length <= this.#most) return []
    this.#begun = undefined
    return [parsed(begun.line, begun.texts.join('\n'))]
  }
}

function parsed(line: number, text: string): Read {
  try {
    return { line, value: JSON.parse(text) }
  } catch (error) {
    return { line, problem: `${NO_JSON}: ${(error as Error).message}` }
  }
}

/** How many brackets are open at the end of a line; NaN within a text, which ends on its line. */
function depthOf(line: string): number {
  let depth = 0
  let isInText = false
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]
    if (letter === '"') isInText = !isInText
    else if (isInText) at += Number(letter === '\\')
    else if (letter === '{' || letter === '[') depth++
    else if (letter === '}' || letter === ']') depth--
  }
  return isInText ? NaN : depth
}
