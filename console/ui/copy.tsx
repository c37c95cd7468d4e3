// A button that copies a text, and says so.
import { useState } from 'preact/hooks'
import { Icon } from './icons.tsx'

const SHOWN_MS = 1_500

export function Copy({ label, text }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false)

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      // The browser refuses; the text stays selectable beside the button.
      return
    }
    setCopied(true)
    setTimeout(() => setCopied(false), SHOWN_MS)
  }

  return (
    <button
      type="button"
      class="button-icon button-small"
      aria-label={isCopied ? 'Copied' : label}
      title={label}
      onClick={() => void copy()}
    >
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  )
}
