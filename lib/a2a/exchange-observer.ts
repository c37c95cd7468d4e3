// What an exchange reports while it lasts: to the code that counts requests and marks workspaces as busy.

export type ExchangeObserver = {
  /**
   * The answer has begun, so the request will not be sent again.
   * @param holdsBody whether the transport still keeps the body of the request
   */
  begin(isStream: boolean, holdsBody: boolean): void
  /** Something has arrived. */
  touch(): void
  /** Called once, when the exchange is over. */
  end(): void
}
