/**
 * Loaded before jest. The suite's own packages (jsonwebtoken, for its tests of OAUTHBEARER) take hold of `buffer.SlowBuffer`
 * when they are loaded, and Node.js 25 has dropped it; without this no file of the suite can be run with a newer one.
 */
import buffer from 'node:buffer'

Object.assign(buffer, { SlowBuffer: buffer.Buffer })
