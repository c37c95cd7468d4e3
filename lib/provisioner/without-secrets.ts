// Removes secret values from a provider's words: they may quote what the provider was sent.
import type { MachineSpec } from '../machines/machine-spec.ts'

/** Shorter values occur in ordinary text. */
const SECRET_LENGTH = 6

export const withoutSecrets = (text: string, spec: MachineSpec | undefined): string =>
  Object.values(spec?.secrets ?? {})
    .filter((value) => value.length >= SECRET_LENGTH)
    .reduce((redacted, value) => redacted.replaceAll(value, '[secret]'), text)
