// Loaded before every test file. The gate draws the same examples each time, so that a change is judged by itself and not by
// the luck of the day; `npm run properties` looks for new ones, and each failure prints the seed and the path that replay it.
import fc from 'fast-check'

/** `POLYLOG_TEST_SEED`, or one and the same. */
const seed = Number(process.env['POLYLOG_TEST_SEED'] ?? 20_261_123)
if (!Number.isSafeInteger(seed))
  throw new Error(`POLYLOG_TEST_SEED is not a whole number: ${process.env['POLYLOG_TEST_SEED']}`)

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
