import { describe, expect, it } from 'vitest'
import { createHub, type HubOptions, memoryLog, redisLog } from '../../server/index.ts'
import { ask, stand, witness } from './harness.ts'
import { raw } from './raw.ts'

describe('createHub', () => {
  it.each<[object, RegExp]>([
    [{ origin: ['https://a.example'] }, /unknown option 'origin'; the options are .*origins/],
    [{ authorise: () => [] }, /unknown option 'authorise'/],
    [{ limits: { session: 5 } }, /unknown option 'limits.session'; the options are .*sessions/],
    [{ limits: 5 }, /limits is 5/],
    [{ limits: { message: '1mb' } }, /message is "1mb"/],
    [{ limits: { burst: 0 } }, /limits.burst is 0/],
    [
      { limits: { unhandled: 1_000 } },
      /limits.unhandled is 1000; it has to be 1048576 at least, as limits.message is/,
    ],
    [{ limits: { unhandledInAll: 1_000 } }, /limits.unhandledInAll is 1000; it has to be 4194304/],
    [{ authorize: ['x'] }, /authorize is x; it has to be a function/],
    [{ authorize: null }, /authorize is null/],
    [{ jsonp: 'no' }, /jsonp is "no"/],
    [{ heartbeat: '15s' }, /heartbeat is "15s"/],
    [{ retry: 0 }, /retry is 0/],
    [{ heartbeat: 2 ** 31 }, /heartbeat is 2147483648; .*2147483647 at most/],
    [{ retry: 1e12 }, /retry is 1000000000000; .*at most/],
    [{ sessionTimeout: 2 ** 31 }, /sessionTimeout is 2147483648/],
    [{ limits: { handling: 2 ** 31 } }, /limits.handling is 2147483648/],
    [{ limits: { authorize: 2 ** 31 } }, /limits.authorize is 2147483648/],
    [{ sessionTimeout: Number.POSITIVE_INFINITY }, /sessionTimeout is Infinity/],
    [{ retain: -1 }, /retain is -1/],
    [{ log: 'redis://' }, /log is "redis:\/\/"/],
    [{ log: memoryLog(), retain: 5 }, /retain is the log's own affair/],
    [{ refuse: 'jsonp' }, /refuse is "jsonp"/],
    [{ refuse: ['websockets'] }, /no transport "websockets"; there are websocket, /],
    [{ path: /live/ }, /path is \/live\//],
    [{ path: 'live' }, /path is 'live'/],
    [{ path: '/live?topic=x' }, /path is '\/live\?topic=x'/],
    [{ path: '/live/:room' }, /no pattern/],
    [{ path: '/live/*' }, /no pattern/],
    [{ origins: 'https://a.example' }, /origins is "https:\/\/a\.example"; it is an array/],
    [{ origins: [/a\.example/] }, /a function in place of the array/],
    [{ origins: ['https://*'] }, /cannot be matched/],
    [{ origins: ['https://*.com'] }, /cannot be matched/],
    [{ origins: ['https://a.*.example'] }, /cannot be matched/],
    [{ origins: ['https://a.example:*'] }, /cannot be matched/],
    [{ origins: ['*.a.example'] }, /cannot be matched/],
    [{ origins: ['https://*.a.example/'] }, /as browsers write it: https:\/\/\*\.a\.example$/],
    [{ origins: ['https://*.A.example'] }, /as browsers write it: https:\/\/\*\.a\.example$/],
  ])('does not take %o', (options, words) => {
    expect(() => createHub(options as HubOptions)).toThrow(TypeError)
    expect(() => createHub(options as HubOptions)).toThrow(words)
  })

  it.each<[object, RegExp]>([
    [{ retain: 0 }, /retain is 0; it must be 1 or more/],
    [{ retain: 1.5 }, /retain is 1.5/],
    [{ expire: 0 }, /expire is 0; it must be a positive number of ms/],
    [{ retainBytes: 0 }, /retainBytes is 0; it must be a number of bytes, 1 or more/],
    [{ retainBytesPerSession: '4 MB' }, /retainBytesPerSession is 4 MB/],
    [{ retainBytesInAll: Number.NaN }, /retainBytesInAll is NaN/],
  ])('has a log in memory that does not take %o', (options, words) => {
    expect(() => memoryLog(options)).toThrow(TypeError)
    expect(() => memoryLog(options)).toThrow(words)
  })

  it.each<[object, RegExp]>([
    [{ url: 'localhost' }, /url is 'localhost'; it is redis:\/\/ or rediss:\/\/, and a host/],
    [{ url: 'http://me:secret@localhost' }, /url is 'http:\/\/\*\*\*@localhost'/],
    [{ replicas: 1.5 }, /replicas is 1.5; it must be a whole number, 0 or more/],
    [{ retain: 0 }, /retain is 0/],
    [{ expire: -1 }, /expire is -1/],
    [{ patience: 2 ** 31 }, /patience is 2147483648; it must be a positive number of ms up to 2147483647/],
    [{ check: 0 }, /check is 0/],
  ])('has a log in Redis that does not take %o', (options, words) => {
    expect(() => redisLog(options)).toThrow(TypeError)
    expect(() => redisLog(options)).toThrow(words)
  })

  it('takes undefined for an option that is not there', async () => {
    const hub = createHub({ path: undefined, limits: { message: undefined }, retain: undefined } as never)
    await hub.close()
  })

  it('has no event of another name', async () => {
    const { hub } = await stand()
    expect(() => hub.on('mesage' as 'message', () => {})).toThrow(
      /no event "mesage"; there are message, subscribe, open/,
    )
    expect(() => hub.on('message', undefined as never)).toThrow(TypeError)
  })

  it('does not refuse a transport that there is not', async () => {
    const { hub } = await stand()
    expect(() => hub.refuse(['sse' as 'bare'])).toThrow(/no transport "sse"/)
  })
})

describe('origins', () => {
  const outcome = async (origins: NonNullable<HubOptions['origins']>, origin: string) => {
    const at = await stand({ origins })
    at.hub.on('error', () => {})
    return (await ask(`http://${at.host}/live?rt.via=long-polling`, { headers: { origin } })).status
  }

  it.each([
    ['https://*.example.com', 'https://www.example.com', 200],
    ['https://*.example.com', 'https://a.b-c.example.com', 200],
    ['https://*.example.com:8443', 'https://www.example.com:8443', 200],
    ['http://*.localhost:3000', 'http://app.localhost:3000', 200],
    ['https://*.example.com', 'https://example.com', 403],
    ['https://*.example.com', 'http://www.example.com', 403],
    ['https://*.example.com', 'https://www.example.com:8443', 403],
    ['https://*.example.com', 'https://wwwexample.com', 403],
    ['https://*.example.com', 'https://www.example.com.evil.example', 403],
    ['https://*.example.com', 'https://evil.example/.example.com', 403],
    ['https://*.example.com', 'https://www.exampleXcom', 403],
    ['https://*.example.com', 'https://.example.com', 403],
    ['https://*.example.com', 'null', 403],
  ])('%s and %s: %i', async (listed, origin, status) => {
    expect(await outcome([listed], origin)).toBe(status)
  })

  it('may be a function, which is believed when it says true or false', async () => {
    const ofFriends = (origin: string) => origin.endsWith('.friend.example')
    expect(await outcome(ofFriends, 'https://a.friend.example')).toBe(200)
    expect(await outcome(ofFriends, 'https://a.stranger.example')).toBe(403)
  })

  it.each([Promise.resolve(false), 1, undefined])(
    'of a function that gives %s is an error, not a yes',
    async said => {
      expect(await outcome((() => said) as never, 'https://a.example')).toBe(500)
    },
  )
})

describe('the path', () => {
  it.each([
    ['/my live', '/my%20live'],
    ['/événements', '/%C3%A9v%C3%A9nements'],
    ['/%C3%A9v%c3%a9nements', '/%c3%a9v%C3%A9nements'],
    ['/live', '/l%69ve'],
    ['/live', '/%6C%69%76%65'],
    ['/live', '/other/../live'],
    ['/live', 'http://elsewhere.example/live'],
    ['/live', 'HTTP://elsewhere.example:81/live'],
    ['//live', '//live'],
    ['/a/./live', '/a/live'],
    ['/live/', '/live/'],
  ])('%s is asked for by %s', async (path, target) => {
    const at = await stand({ path })
    const heard = await raw(
      at.host,
      `GET ${target}?rt.via=long-polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    expect(heard).toMatch(/^HTTP\/1\.1 200 .*rt\.open/s)
  })

  it.each([
    ['/live', '//live'],
    ['/live', '/live/'],
    ['/live', '/live%2F'],
    ['/live', '/Live'],
    ['/live', 'http://live/'],
    ['/a/b', '/a%2Fb'],
    ['//live', 'http://live'],
  ])('%s is not asked for by %s', async (path, target) => {
    const at = await stand({ path })
    const heard = await raw(at.host, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(heard).toMatch(/not the hub/)
  })

  it('with a host of its own tells what was asked for, whatever Host says', async () => {
    const { seen, authorize } = witness()
    const at = await stand({ authorize })
    const target = 'http://asked.example:81/live?rt.via=long-polling'
    await raw(at.host, `GET ${target} HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n`)
    expect(seen.map(({ url }) => url.host)).toEqual(['asked.example:81'])
  })
})
