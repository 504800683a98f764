/** Rows about who may connect; see broker-table.ts. */
import { flag, listOf, longMax, whole, words } from './setting.ts'

const pathCharactersMax = 4096
const nameCharactersMax = 255

/** Mechanisms that users can log in with. */
const mechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN'] as const

export const saslTable = {
  saslMechanisms: listOf({
    name: 'sasl.enabled.mechanisms',
    default: [],
    choices: mechanisms,
    documentation:
      'How clients prove who they are: SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN, with commas between. Empty: nobody need log in.',
  }),
  bootstrapUser: words({
    name: 'bootstrap.user',
    default: '',
    max: nameCharactersMax,
    empty: true,
    documentation:
      'User that is made at the start unless there is one of this name, so that somebody can make the others. A super user.',
  }),
  bootstrapPasswordFile: words({
    name: 'bootstrap.password.file',
    default: '',
    max: pathCharactersMax,
    empty: true,
    documentation: 'File whose first line is the password of that user.',
  }),
  reauthenticationMsMax: whole('long', {
    name: 'connections.max.reauth.ms',
    default: 0,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation:
      'A client must log in anew before this time is over, on the same connection (KIP-368); one that knows how to and does not is disconnected at its next request. 0: never.',
  }),
  authenticationFailureDelayMs: whole('int', {
    name: 'connection.failed.authentication.delay.ms',
    default: 100,
    min: 0,
    max: 60_000,
    unit: 'ms',
    documentation: 'Time from a wrong login to its answer and the end of the connection, so that guessing takes long.',
  }),
  unauthenticatedTimeoutMs: whole('int', {
    name: 'connections.unauthenticated.timeout.ms',
    default: 10_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    documentation: 'A connection that has not logged in after this time is closed.',
  }),
  unauthenticatedCountMax: whole('int', {
    name: 'connections.unauthenticated.max',
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    documentation: 'Most connections that have not logged in yet; one more takes the place of the oldest.',
  }),
  unauthenticatedCountPerAddressMax: whole('int', {
    name: 'connections.unauthenticated.max.per.ip',
    default: 500,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    documentation: 'Most of them from one address; one more takes the place of the oldest from there.',
  }),
  httpAnonymousMetrics: flag({
    name: 'http.anonymous.metrics',
    default: true,
    documentation:
      'Whether /metrics and /health can be read without a login when sasl.enabled.mechanisms is set; the rest of the HTTP port cannot.',
  }),
}
