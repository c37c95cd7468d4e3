// What the browser says of the page: whether it is narrow, so that the list has rows of two lines, and whether it is to be dark.
import { signal } from '@preact/signals'

const query = matchMedia('(max-width: 720px)')

export const isNarrow = signal(query.matches)
query.addEventListener('change', ({ matches }) => (isNarrow.value = matches))

const dark = matchMedia('(prefers-color-scheme: dark)')

/** Whether the computer asks for dark colours. */
export const prefersDark = signal(dark.matches)
dark.addEventListener('change', ({ matches }) => (prefersDark.value = matches))
