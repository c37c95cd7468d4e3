// A client's side of one kept-alive HTTP connection: one request after the other, where anything but a whole answer with
// status 200 is a failure.
import { connect, type Socket } from 'node:net'
import { HttpReader } from './http-reader.ts'

type Exchange = {
  resolve: (bodyBytes: number) => void
  reject: (error: Error) => void
  onBody: ((bytes: number) => void) | undefined
}

export class HttpConnection {
  readonly #socket: Socket
  #exchange: Exchange | undefined
  #bodyBytes = 0
  #toldBytes = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    const reader = new HttpReader({
      head: (text) => {
        if (text.slice(9, 12) !== '200') this.#fail(new Error(`the answer was not a 200:\n${text}`))
      },
      piece: (_, from, to) => {
        this.#bodyBytes += to - from
      },
      end: () => this.#end(),
    })
    socket.on('data', (bytes) => {
      reader.read(bytes)
      this.#tell()
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () =>
      this.#fail(new Error('the connection was closed before the answer was complete')),
    )
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new HttpConnection(socket))
      })
    })
  }

  /**
   * @param onBody told the number of bytes each time some have come
   * @returns the length of the body, when all of it has come
   */
  exchange(request: Buffer, onBody?: (bytes: number) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#exchange = { resolve, reject, onBody }
      this.#bodyBytes = 0
      this.#toldBytes = 0
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#exchange = undefined
    this.#socket.destroy()
  }

  /** Once for all that a read has brought. */
  #tell(): void {
    const bytes = this.#bodyBytes - this.#toldBytes
    this.#toldBytes = this.#bodyBytes
    if (bytes > 0) this.#exchange?.onBody?.(bytes)
  }

  #end(): void {
    this.#tell()
    this.#exchange?.resolve(this.#bodyBytes)
    this.#exchange = undefined
  }

  #fail(error: Error): void {
    this.#exchange?.reject(error)
    this.#exchange = undefined
  }
}
