import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { missingNats, startNats } from '../server/nats.ts'
import { startFaulty } from './mutants.ts'

interface Run {
  code: number | null
  out: string
  err: string
}

interface Running {
  child: ChildProcess
  out(): string
  err(): string
  ended: Promise<Run>
}

function begin(args: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', ...args], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }))
  return { child, out: () => out, err: () => err, ended }
}

const run = (...args: string[]) => begin(args).ended

async function serve(args: string[] = [], env: Record<string, string> = {}): Promise<string> {
  const { out } = begin(['serve', ...args], env)
  await vi.waitFor(() => expect(out()).toContain('\n'), { timeout: 30_000 })
  return out().trim()
}

async function nobody(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return `http://127.0.0.1:${port}`
}

/** What went wrong is a line of words: no stack, no name of an exception. */
function expectWords({ err }: Run, words: RegExp): void {
  expect(err).toMatch(words)
  expect(err).not.toMatch(/^\s+at |Error:|node:internal/m)
}

describe('throughline', () => {
  it('lists its commands', async () => {
    const told = await run('--help')
    expect(told).toMatchObject({ code: 0, err: '' })
    for (const name of ['serve', 'publish', 'listen', 'diagnose', 'check'])
      expect(told.out).toMatch(` ${name} `)
  })

  it.each(['serve', 'publish', 'listen', 'diagnose', 'check'])(
    '%s --help says how to call it',
    async name => {
      const told = await run(name, '--help')
      expect(told).toMatchObject({ code: 0, err: '' })
      expect(told.out).toMatch(new RegExp(`^throughline ${name}`))
    },
  )

  it('says its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    expect((await run('--version')).out.trim()).toBe(version)
  })

  it.each<[string[], RegExp]>([
    [[], /throughline <command>/],
    [['lisen'], /there is no command 'lisen'/],
    [['serve', '--port', 'x'], /the port is 'x'; it has to be a number from 0 to 65535/],
    [['serve', '--redis', 'redis://x', '--nats', 'x'], /--redis and --nats are two places for one log/],
    [['serve', '--prot', '1'], /Unknown option '--prot'; there are --port/],
    [['publish', 'lobby'], /<data> is missing/],
    [['publish', 'lobby', 'tea', 'is'], /'is' is too much; put quotes/],
    [['publish', 'lobby', '{', '--json'], /<data> is '\{', which is no JSON/],
    [
      ['publish', 'lobby', '-1'],
      /Unknown option '-1'; there are --.*, and what is no option and begins with - goes behind --/,
    ],
    [['publish', 'lobby', '--json', '--', '-x'], /<data> is '-x', which is no JSON/],
    [['publish', 'lobby', 'x', '--token', '--json'], /Option '--token' argument/],
    [['publish', 'lobby', 'x', '--token', '--json=1'], /Option '--token' argument/],
    [['publish', 'lobby', 'x', '--token'], /Option '--token <value>' argument missing/],
    // An id or a secret may begin so.
    [['listen', 'http://127.0.0.1/', '--last-event-id', '-x.1.y', '--count', '0'], /--count is '0'/],
    [['listen', 'http://127.0.0.1/', '--token', '--x', '--count', '-1'], /--count is '-1'/],
    [['listen', 'http://127.0.0.1/', '--token=-x', '--count', '0'], /--count is '0'/],
    [['listen', 'lobby'], /<url> is 'lobby'; it has to be a whole address/],
    [
      ['listen', 'http://127.0.0.1/', '--transport', 'jsonp'],
      /--transport is 'jsonp'; in Node there are websocket/,
    ],
    [['listen', 'http://127.0.0.1/', '--count', '0'], /--count is '0'/],
    [['diagnose'], /<url> is missing/],
    [['check', 'ftp://x'], /<url> is 'ftp:\/\/x'/],
    [
      ['check', 'http://127.0.0.1/', '--patience', 'soon'],
      /--patience is 'soon'; it has to be a positive number of seconds/,
    ],
    [['check', 'http://127.0.0.1/', '--case', 'opne'], /--case is 'opne'; the cases are .*open.first/],
  ])('%j is wrong usage: exit code 2, and what would be right', async (args, words) => {
    const told = await run(...args)
    expect(told).toMatchObject({ code: 2, out: '' })
    expectWords(told, words)
  })
})

describe('throughline publish and listen', () => {
  it('bring a message from one terminal to another', async () => {
    const url = await serve()
    const listening = begin(['listen', `${url}live?topic=lobby`, '--count', '3'])
    await vi.waitFor(() => expect(listening.err()).toContain('open by'), { timeout: 30_000 })
    const to = ['--url', `${url}publish`]
    const first = await run('publish', 'lobby', 'tea is ready', ...to)
    expect(first).toMatchObject({ code: 0, err: '' })
    expect(first.out).toMatch(/^[\w-]+\.1\.[\w-]+\n$/)
    await run('publish', 'lobby', '{"cups":2}', '--json', '--event', 'tea', '--key', 'k', ...to)
    await run('publish', 'lobby', '{"cups":2}', '--json', '--event', 'tea', '--id', 'k', ...to)
    await run('publish', 'lobby', 'last', ...to)
    const { code, out } = await listening.ended
    expect([code, out]).toEqual([0, 'tea is ready\ntea: {"cups":2}\nlast\n'])
  })

  it.each(['websocket', 'fetch-streaming', 'long-polling'])(
    'listen prints JSON, by topic and from an id on, by %s',
    async via => {
      const url = await serve()
      const to = ['--url', `${url}publish`]
      const [one] = [await run('publish', 'a', 'one', ...to), await run('publish', 'a', 'two', ...to)]
      const args = ['--json', '--transport', via, '--count', '1']
      const after = await run('listen', `${url}live`, 'a', '--last-event-id', one.out.trim(), ...args)
      expect([one.err, after.code], after.err).toEqual(['', 0])
      const [line = ''] = after.out.trim().split('\n')
      expect(line, after.err).toMatch(/^\{/)
      expect(JSON.parse(line)).toMatchObject({ topic: 'a', event: 'message', data: 'two' })
      const history = await run('listen', `${url}live`, 'a', '--history', '2', '--count', '2')
      expect(history.out).toBe('a: one\na: two\n')
    },
  )

  it('listen says why it is not let in, and ends with 1', async () => {
    const url = await serve()
    const told = await run('listen', `${url}live?topic=rt.mine`)
    expect(told.code).toBe(1)
    expectWords(told, /403.*private.*this is final/)
  })

  it.each<[string[], RegExp]>([
    [[''], /the topic is ""/],
    [['a', ''], /the topic is ""/],
    [['a', '--last-event-id', ''], /since is ""; it has to be the id of a message/],
  ])('listen %j says what is wrong, and ends with 1', async (args, words) => {
    const told = await run('listen', `${await nobody()}/live`, ...args)
    expect(told).toMatchObject({ code: 1, out: '' })
    expectWords(told, words)
  })

  it('listen ends with 0 when it is interrupted', async () => {
    const url = await serve()
    const { child, err, ended } = begin(['listen', `${url}live?topic=x`])
    await vi.waitFor(() => expect(err()).toContain('open by'), { timeout: 30_000 })
    child.kill('SIGINT')
    expect((await ended).code).toBe(0)
  })

  it('publish shows the secret, which the environment may have, and says what the server has against it', async () => {
    const secret = 'a secret of many characters'
    const url = await serve(['--publish-secret', secret])
    const to = ['--url', `${url}publish`]
    const without = await run('publish', 'x', 'y', ...to)
    expect(without.code).toBe(1)
    expectWords(without, /answers 401: the header Authorization is missing/)
    expect((await run('publish', 'x', 'y', ...to, '--token', secret)).code).toBe(0)
    expect((await begin(['publish', 'x', 'y', ...to], { PUBLISH_SECRET: secret }).ended).code).toBe(0)
    const wrong = await run('publish', 'rt.x', 'y', ...to, '--token', secret)
    expectWords(wrong, /answers 400: topic is "rt.x"/)
  })

  it('publish says that nobody answers', async () => {
    const told = await run('publish', 'x', 'y', '--url', `${await nobody()}/publish`)
    expect(told.code).toBe(1)
    expectWords(told, /nobody answers at http.*ECONNREFUSED/)
  })

  it('serve takes no secret that is too short', async () => {
    const told = await run('serve', '--publish-secret', 'short')
    expect(told.code).not.toBe(0)
    expectWords(told, /16 characters/)
  })
})

describe.skipIf(missingNats)(`throughline serve --nats${missingNats ? ` (${missingNats})` : ''}`, () => {
  it('is one of several servers that share a log', async () => {
    const nats = await startNats()
    onTestFinished(() => nats.close())
    const [one, other] = await Promise.all([serve(['--nats', nats.url]), serve(['--nats', nats.url])])
    const { out } = await run('publish', 'x', 'tea is ready', '--url', `${one}publish`)
    expect(out).toMatch(/^[\w-]+\.\d+\.[\w-]+\n$/)
    const heard = await run('listen', `${other}live`, 'x', '--history', '1', '--count', '1')
    expect(heard).toMatchObject({ code: 0, out: 'x: tea is ready\n' })
  })
})

describe('throughline diagnose', () => {
  it('tells what each transport does', async () => {
    const url = await serve()
    const told = await run('diagnose', `${url}live`)
    expect(told.code).toBe(0)
    for (const via of ['websocket', 'fetch-streaming', 'long-polling'])
      expect(told.out).toMatch(new RegExp(`^${via} .*works: data flows`, 'm'))
  })

  it('ends with 1 where nothing gets through', async () => {
    const told = await run('diagnose', `${await nobody()}/live`, '--json')
    expect(told.code).toBe(1)
    expect(JSON.parse(told.out)).toHaveLength(3)
  })
})

describe('throughline check', () => {
  it('prints a line for each case, a summary, and ends with 0', async () => {
    const { url, close } = await startFaulty()
    onTestFinished(close)
    const told = await run('check', url.href, '--case', 'open', '--case', 'nack')
    expect(told).toMatchObject({ code: 0, err: '' })
    expect(told.out).toMatch(/^ {2}✓ websocket +`rt.open` is the first block.*\[open.first\]$/m)
    expect(told.out).toMatch(/^ {2}– +an `rt.nack` .*\[nack\]: --refuses names no event/m)
    expect(told.out).toMatch(/\n\d+ kept, 0 broken, 3 not tried\n$/)
  })

  it('says what was expected and what came, and ends with 1', async () => {
    const { url, close } = await startFaulty({ text: text => text.replace('"resumed":', '"resume":') })
    onTestFinished(close)
    const folder = await mkdtemp(join(tmpdir(), 'throughline-check-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const output = join(folder, 'report.json')
    const told = await run('check', url.href, '--case', 'open.fields', '--output', output)
    expect(told.code).toBe(1)
    expect(told.out).toMatch(/✗ websocket .*\n +expected {2}resumed of rt.open: true or false\n +came {6}"\{/)
    const report = JSON.parse(await readFile(output, 'utf8'))
    expect(report).toMatchObject({ passes: false, url: url.href })
    expect(report.outcomes[0]).toMatchObject({ name: 'open.fields', over: 'websocket', result: 'broken' })
  })

  it('fails for what SHOULD be so with --strict alone', async () => {
    const { url, close } = await startFaulty({
      text: (text, request) => (request?.url?.includes('xhr') ? text.replaceAll('\n', '\r\n') : text),
    })
    onTestFinished(close)
    const args = ['check', url.href, '--case', 'format.lf']
    expect(await run(...args)).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 that SHOULD be kept broken'),
    })
    expect((await run(...args, '--strict')).code).toBe(1)
  })

  it('publishes by an endpoint where the server does not by itself', async () => {
    const url = await serve(['--publish-secret', 'a secret of many characters'])
    const token = ['--publish-token', 'a secret of many characters']
    const args = ['--publish', `${url}publish`, ...token, '--case', 'messages', '--json']
    const { code, out } = await run('check', `${url}live?topic=check`, ...args)
    const { outcomes } = JSON.parse(out)
    expect(outcomes.filter(({ result }: { result: string }) => result !== 'kept')).toEqual([])
    expect(code).toBe(0)
  })

  it('says that nobody answers', async () => {
    const told = await run('check', `${await nobody()}/live`)
    expect(told.code).toBe(1)
    expectWords(told, /nobody answers at http.*ECONNREFUSED/)
  })
})
