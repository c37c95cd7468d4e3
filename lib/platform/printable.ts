// Text of programs for a person's terminal, which would obey control characters.

/** Every control character except a tab, with line breaks. */
// oxlint-disable-next-line eslint/no-control-regex -- these characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g

/** One line, in which every control character is U+FFFD. */
export const printable = (text: string): string => text.replaceAll(CONTROL, '\ufffd')
