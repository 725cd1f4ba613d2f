// What a stranger sent, fit for a terminal.

/** On one line, not long, no control characters. */
export const printable = (text: string, longest = 100) =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\ufffd]+/gu,
    '·',
  )
