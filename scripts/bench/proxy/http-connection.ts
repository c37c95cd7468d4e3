// The client side of one keep-alive HTTP connection: one request after the other. Anything but a complete answer that says
// success is an error.
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
  #reportedBytes = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    const reader = new HttpReader({
      head: (text) => {
        if (text[9] !== '2') this.#fail(new Error(`the request failed:\n${text}`))
      },
      piece: (_, from, to) => {
        this.#bodyBytes += to - from
      },
      end: () => this.#end(),
    })
    socket.on('data', (bytes) => {
      reader.read(bytes)
      this.#report()
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
   * @param onBody called with the number of bytes that arrived
   * @returns the length of the body, after it has arrived completely
   */
  exchange(request: Buffer, onBody?: (bytes: number) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#exchange = { resolve, reject, onBody }
      this.#bodyBytes = 0
      this.#reportedBytes = 0
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#exchange = undefined
    this.#socket.destroy()
  }

  /** Called once for each read. */
  #report(): void {
    const bytes = this.#bodyBytes - this.#reportedBytes
    this.#reportedBytes = this.#bodyBytes
    if (bytes > 0) this.#exchange?.onBody?.(bytes)
  }

  #end(): void {
    this.#report()
    this.#exchange?.resolve(this.#bodyBytes)
    this.#exchange = undefined
  }

  #fail(error: Error): void {
    this.#exchange?.reject(error)
    this.#exchange = undefined
  }
}
