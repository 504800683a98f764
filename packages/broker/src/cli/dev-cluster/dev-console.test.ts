import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { passwordAuthenticator, startBroker } from '../../mod.ts'
import { Arguments } from '../arguments.ts'
import { CommandError } from '../exit-code.ts'
import { firstUserFlags } from '../flags.ts'
import { Screen } from '../screen.ts'
import { FakeTerminal } from '../testing/fake-terminal.ts'
import { DevChild } from './dev-child.ts'
import type { Launched } from './dev-child.ts'
import { DevView, obey } from './dev-console.ts'
import { DevDirectory } from './dev-directory.ts'
import { devLoginOf } from './dev-login.ts'
import { portsFrom } from './dev-ports.ts'

/** A program that does nothing until its stdin ends. */
async function launchCat(spawned: (child: ChildProcess) => void): Promise<Launched> {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
  spawned(child)
  await new Promise((resolve) => child.once('spawn', resolve))
  return { child, pid: child.pid! }
}

describe('what is typed to a dev cluster', () => {
  it('is done to the program that it names', async () => {
    const told: string[] = []
    let wake = (): void => undefined
    const child = new DevChild({
      name: 'broker 1',
      launch: launchCat,
      told: (sentence) => {
        told.push(sentence)
        wake()
      },
    })
    const cluster = {
      child: (name: string): DevChild => {
        if (name !== '1') throw new CommandError('name a broker')
        return child
      },
    }
    const say = async (line: string): Promise<string> => {
      const outcome = await obey(cluster, line)
      return outcome === 'quit' ? outcome : outcome.sentence
    }
    assert.equal(await say('start 1'), 'broker 1 is up')
    assert.deepEqual([await say('start 1'), child.state], ['broker 1 runs already', 'up'])
    assert.deepEqual([await say('PAUSE  1 '), child.state], ['broker 1 is paused', 'paused'])
    assert.deepEqual([await say('resume 1'), child.state], ['broker 1 goes on', 'up'])
    const death = new Promise<void>((resolve) => (wake = resolve))
    assert.equal(await say('kill 1'), 'broker 1 is killed')
    await death
    assert.deepEqual([told, child.state, child.pid], [['broker 1 has ended (SIGKILL)'], 'down', undefined])
    assert.equal(await say('kill 1'), 'broker 1 does not run')
    assert.equal(await say('kill 2'), 'name a broker')
    for (const line of ['kill', 'kill 1 1', 'constructor 1', 'help']) assert.match(await say(line), /^Type: kill 2/)
    assert.equal(await say(' '), '')
    assert.equal(await say('quit'), 'quit')

    await say('start 1')
    await say('pause 1')
    await child.stop(10_000)
    assert.deepEqual([told.length, child.state], [1, 'down'])
  })

  it('kills what does not stop', async () => {
    const told: string[] = []
    const launch = async (spawned: (child: ChildProcess) => void): Promise<Launched> => {
      const child = spawn('sh', ['-c', 'trap "" TERM; echo; read line'], { stdio: ['pipe', 'pipe', 'ignore'] })
      spawned(child)
      await new Promise((resolve) => child.stdout.once('data', resolve))
      return { child, pid: child.pid! }
    }
    const child = new DevChild({ name: 'broker 1', launch, told: (sentence) => told.push(sentence) })
    await child.start()
    await child.stop(10)
    assert.deepEqual([told, child.state], [['broker 1 does not stop: it is killed'], 'down'])
  })
})

describe('the view of a dev cluster', () => {
  it('shows status, absences and what has happened', async () => {
    const credentials = { user: 'admin', password: 'secret' }
    const authenticator = passwordAuthenticator(async (name, password) => name === 'admin' && password === 'secret')
    await using broker = await startBroker({ authenticator, httpAddress: { host: '127.0.0.1', port: 0 } })
    const terminal = new FakeTerminal()
    const ended = new AbortController()
    let http = [`127.0.0.1:${broker.http!.port}`]
    const cluster = {
      brokers: [],
      get httpUp() {
        return http
      },
      absences: ['broker 2 down'],
    }
    const view = new DevView(cluster, new Screen(terminal), credentials, () => new Date(2026, 0, 1, 12, 30, 5))
    let drawn = (): void => undefined
    const draw = terminal.draw.bind(terminal)
    terminal.draw = (text) => {
      draw(text)
      drawn()
    }
    const shows = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(terminal.stderr)) await new Promise<void>((resolve) => (drawn = resolve))
    }
    const running = view.run(ended.signal)
    await shows(/1 of 1 broker up, controller: broker 1/)
    assert.match(terminal.stderr, /Not up: broker 2 down/)
    view.tell('broker 2 has ended (SIGKILL)')
    assert.match(terminal.stderr, /12:30:05 {2}broker 2 has ended \(SIGKILL\)/)
    view.typed()
    http = []
    await shows(/No broker answers/)
    ended.abort()
    await running
  })
})

describe('the folder of a dev cluster', () => {
  let directory: string
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'polylog-dev-'))
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  it('is made, kept, and emptied when that is asked for', () => {
    const path = join(directory, 'cluster')
    const made = DevDirectory.open(path, false)
    writeFileSync(made.logOf('etcd'), 'first\nlast\n')
    assert.equal(made.lastWordOf('etcd'), 'last')
    assert.throws(() => DevDirectory.open(path, false), /held by the running process/)
  })
})

describe('the login to a dev cluster', () => {
  const loginOf = (line: string) => devLoginOf(Arguments.parse(line.split(' '), firstUserFlags, [0, 1], ''))

  it('is handed to the brokers, this program, and those who try it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'polylog-dev-'))
    const file = join(directory, 'admin.txt')
    writeFileSync(file, 'secret\n')
    try {
      const { credentials, brokerFlags, clientFlags } = loginOf(`--user admin --password-file ${file}`)
      assert.deepEqual(credentials, { user: 'admin', password: 'secret' })
      assert.deepEqual(brokerFlags, ['--user', 'admin', '--password-file', file])
      assert.equal(clientFlags, ` --user admin --password-file ${file}`)
    } finally {
      rmSync(directory, { recursive: true })
    }
    assert.deepEqual(loginOf('').brokerFlags, [])
  })

  it('is quoted for the shell where a name or a path has blanks or signs of its own', () => {
    const directory = mkdtempSync(join(tmpdir(), 'polylog dev '))
    const file = join(directory, "it's.txt")
    writeFileSync(file, 'secret\n')
    try {
      const line = ['--user', 'admin & co', '--password-file', file]
      const { brokerFlags, clientFlags } = devLoginOf(Arguments.parse(line, firstUserFlags, [0, 0], ''))
      assert.deepEqual(brokerFlags, line)
      assert.equal(clientFlags, ` --user 'admin & co' --password-file '${directory}/it'\\''s.txt'`)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('needs a user and a file that is there', () => {
    assert.throws(() => loginOf('--user admin'), /--user needs --password-file FILE/)
    assert.throws(() => loginOf('--password-file x'), /--password-file needs --user NAME/)
    assert.throws(
      () => loginOf('--user admin --password-file /nowhere/x'),
      /cannot read the password file \/nowhere\/x/,
    )
  })
})

describe('ports of a dev cluster', () => {
  it('avoid those that are taken, unless the user insists', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    assert.equal((await portsFrom(port, 2, false))[0], 0)
    assert.deepEqual(await portsFrom(port, 2, true), [port, port + 1])
    assert.deepEqual(await portsFrom(0, 2, false), [0, 0])
    await new Promise((resolve) => server.close(resolve))
  })
})
