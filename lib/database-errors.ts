// Lets doors tell "the database is down" from "we made a mistake" without knowing a driver.
export { isDatabaseUnavailable } from '../drizzle/database.ts'
