// The icons, drawn for this page on a grid of 16: none is loaded from elsewhere. They are decoration; words beside them or the
// name of their button say the same.
const PATHS = {
  add: 'M8 3v10M3 8h10',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  check: 'm3.5 8.5 3 3 6-7',
  close: 'm4 4 8 8M12 4l-8 8',
  copy: 'M6 6h7v7H6zM10 3.5V3H3v7h.5',
  down: 'm4 6.5 4 4 4-4',
  file: 'M4 2.5h5L12 5.5v8H4zM9 2.5v3h3',
  folder: 'M2.5 12.5v-9H6.5l1.5 2h5.5v7z',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6l7.5-4.8z',
  restart: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 13.5 13.5',
  send: 'M8 13V3M4 7l4-4 4 4',
  sleep: 'M4 4h5L4 10h5M10.5 8h3l-3 4h3',
  stop: 'M4.5 4.5h7v7h-7z',
  sun: 'M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M3.6 12.4l1-1M11.4 4.6l1-1',
  terminal: 'm3.5 4.5 3.5 3.5-3.5 3.5M8.5 12h4.5',
  trash: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5M6.8 7v3.5M9.2 7v3.5',
  warning: 'M8 2.5 14 13H2zM8 6.5v3M8 11.2h.01',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === 'more' ? '2.2' : '1.5'}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
