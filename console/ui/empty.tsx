// What a view says when it has nothing to show: what would be here, and how it comes about.
import type { ComponentChildren } from 'preact'

export function Empty({ children, title }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children !== undefined && <div class="empty-text">{children}</div>}
    </div>
  )
}
