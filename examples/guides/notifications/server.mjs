// npm install throughline, then: node server.mjs
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createHub } from 'throughline/server'

// Your application has people and hashes of their passwords in a database, and its logins too.
const passwords = { ann: 'apple', bob: 'banana' }
const logins = new Map()
const tokens = new Map()
const lifetime = Number(process.env.TOKEN_SECONDS ?? 300)

const cookieOf = headers => /(?:^|; )login=([^;]+)/.exec(headers.cookie ?? '')?.[1]
const bearerOf = headers => /^Bearer (.+)/.exec(headers.authorization ?? '')?.[1]

const hub = createHub({
  // Pages of other origins, by name. Those of this one may always come.
  origins: ['https://app.example.com'],
  // Asked for each connection, each poll and each send.
  authorize({ headers, token }) {
    const known = tokens.get(token)
    const name = logins.get(token === undefined ? cookieOf(headers) : known?.login)
    if (name === undefined || known?.expires < Date.now()) throw { status: 401, message: 'Log in, please.' }
    return { principal: name, subscribe: [`inbox:${name}`], send: false, expires: known?.expires }
  },
})

const actions = {
  async '/login'({ body: { name, password, by } }, answer) {
    if (!Object.hasOwn(passwords, name) || passwords[name] !== password) return answer(401)
    const login = randomUUID()
    logins.set(login, name)
    if (by === 'token') return answer(200, { login })
    // Behind https it is `__Host-login=…; Secure` besides.
    answer(204, undefined, { 'Set-Cookie': `login=${login}; Path=/; HttpOnly; SameSite=Lax` })
  },
  async '/token'({ login }, answer) {
    const token = randomUUID()
    tokens.set(token, { login, expires: Date.now() + lifetime * 1000 })
    answer(200, { token, expiresIn: lifetime })
  },
  async '/logout'({ login, name }, answer) {
    logins.delete(login)
    // All lines of this person are asked anew: those of this login end, those of other logins go on.
    hub.reauthorize(name)
    answer(204)
  },
  async '/notify'({ body: { to, text }, name }, answer) {
    await hub.publish(`inbox:${to}`, { from: name, text })
    answer(204)
  },
}

const files = {
  '/': ['text/html', new URL('page.html', import.meta.url)],
  '/throughline.js': ['text/javascript', new URL('throughline.min.js', import.meta.resolve('throughline'))],
}
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://127.0.0.1')
  if (request.method === 'POST' && Object.hasOwn(actions, pathname)) {
    const answer = (status, value, headers) => response.writeHead(status, headers).end(JSON.stringify(value))
    const login = cookieOf(request.headers) ?? bearerOf(request.headers)
    const name = logins.get(login)
    if (!name && pathname !== '/login') return answer(401)
    return actions[pathname]({ body: await json(request), login, name }, answer)
  }
  const [type, file] = files[pathname] ?? []
  if (!file) return response.writeHead(404).end('There is nothing here.')
  response.writeHead(200, { 'Content-Type': type }).end(await readFile(file))
})
hub.attach(server)
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/ (ann: apple, bob: banana; ?by=token for tokens)`),
)
