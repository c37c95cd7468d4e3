// Whether the page is narrow: the list then has rows of two lines.
import { signal } from '@preact/signals'

const query = matchMedia('(max-width: 720px)')

export const isNarrow = signal(query.matches)
query.addEventListener('change', ({ matches }) => (isNarrow.value = matches))
