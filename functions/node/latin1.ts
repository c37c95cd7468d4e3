// Bytes as text of as many characters. Node writes text together with what comes before it, as one system call.

export const latin1Of = (bytes: Uint8Array): string =>
  (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString(
    'latin1',
  )
