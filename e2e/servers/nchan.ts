/** Debian's nginx with Nchan, as one server, and as two that share their channels by Redis. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { startSite } from '../fixtures/site.ts'
import { missing, type Program, startProgram } from '../network/programs.ts'

const nchanModule = '/usr/lib/nginx/modules/ngx_nchan_module.so'

export interface NchanServer {
  readonly url: string
  /** How many requests for this path it has answered to the end. */
  answered(path: string): Promise<number>
  /** It says goodbye to those that listen. */
  close(): Promise<void>
  /** It does not. */
  kill(): Promise<void>
}

/** The test pages, and a number of nginxes beside each other that serve them and the same channels. */
export interface NchanPlace extends AsyncDisposable {
  readonly servers: readonly NchanServer[]
  /** Gives back the id of what was published, as Nchan told it. */
  publish(channel: string, data: string, headers?: Record<string, string>): Promise<string>
  /** How many listen to the channel. */
  listening(channel: string): Promise<number>
  /** Tells all that listen that the channel is no more. */
  remove(channel: string): Promise<void>
}

/** Why there can be none here; nothing if there can. */
export function missingNchan(count = 1): string | undefined {
  const module = existsSync(nchanModule)
    ? undefined
    : `${nchanModule} is not there: Debian's package libnginx-mod-nchan has it`
  return missing(nginx(0)) ?? module ?? (count > 1 ? missing(redis) : undefined)
}

export async function startNchan(count = 1): Promise<NchanPlace> {
  const site = await startSite()
  const shared = count > 1 ? await startProgram(redis) : undefined
  const servers = await Promise.all(Array.from({ length: count }, () => startNginx(site.port, shared?.url)))
  const last = servers.at(-1) as NchanServer
  return {
    servers,
    async publish(channel, body, headers = {}) {
      const answer = await fetch(`${last.url}/pub/${channel}`, {
        method: 'POST',
        body,
        headers: { Accept: 'text/json', ...headers },
      })
      const { last_message_id } = (await answer.json()) as { last_message_id: string }
      return last_message_id
    },
    async listening(channel) {
      const answer = await fetch(`${last.url}/pub/${channel}`, { headers: { Accept: 'text/json' } })
      // Of a channel that nobody has asked for yet it knows nothing.
      return answer.ok ? ((await answer.json()) as { subscribers: number }).subscribers : 0
    },
    async remove(channel) {
      await fetch(`${last.url}/pub/${channel}`, { method: 'DELETE' })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map(server => server.close()))
      await shared?.close()
      await site.close()
    },
  }
}

async function startNginx(site: number, shared: string | undefined): Promise<NchanServer> {
  const program = nginx(site, shared)
  let home = ''
  const configure: Program['configure'] = (port, folder) => {
    home = folder
    return program.configure(port, folder)
  }
  const { url, close } = await startProgram({ ...program, configure })
  const kill = async () => {
    process.kill(Number(await readFile(`${home}/pid`, 'utf8')), 'SIGKILL')
  }
  const answered = async (path: string) => {
    const lines = (await readFile(`${home}/access`, 'utf8')).split('\n')
    return lines.filter(line => line.includes(`GET ${path}?`)).length
  }
  return { url, answered, close, kill }
}

const redis: Program = {
  name: 'redis-server',
  path: '/usr/bin/redis-server',
  configure: (port, folder) => `port ${port}\nbind 127.0.0.1\nsave ""\nappendonly no\ndir ${folder}\n`,
  arguments: file => [file],
  isReady: port =>
    new Promise(resolve => {
      const socket = createConnection(port, '127.0.0.1')
      socket.once('connect', () => socket.end(() => resolve(true)))
      socket.once('error', () => resolve(false))
    }),
}

function nginx(site: number, shared?: string): Program {
  return {
    name: 'nginx',
    path: '/usr/sbin/nginx',
    configure: (port, folder) => configuration(port, folder, site, shared),
    arguments: (file, folder) => ['-p', folder, '-c', file, '-e', `${folder}/log`],
  }
}

/** What docs/servers/nchan.md recommends, with times so short that a test sees them pass. */
function configuration(port: number, folder: string, site: number, shared: string | undefined): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  // At the level of `server` Nchan overlooks it.
  const pass = shared ? 'nchan_redis_pass shared;' : ''
  return `
load_module ${nchanModule};
daemon off;
master_process off;
pid ${folder}/pid;
events {}
http {
  access_log ${folder}/access;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${shared ? `upstream shared { nchan_redis_server ${shared.replace('http', 'redis')}; }` : ''}
  nchan_message_buffer_length 1000;
  nchan_message_timeout 1h;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${site}; }

    location ~ ^/sub/(\\w+)$ {
      nchan_channel_id $1;
      nchan_subscriber;
      nchan_eventsource_ping_interval 1;
      nchan_websocket_ping_interval 1;
      ${pass}
    }
    location ~ ^/hurried/(\\w+)$ {
      nchan_channel_id $1;
      nchan_subscriber;
      nchan_subscriber_timeout 1;
      ${pass}
    }
    location ~ ^/interval/(\\w+)$ {
      nchan_channel_id $1;
      nchan_subscriber intervalpoll;
      ${pass}
    }
    location ~ ^/newest/(\\w+)$ {
      nchan_channel_id $1;
      nchan_subscriber;
      nchan_subscriber_first_message newest;
      ${pass}
    }
    location ~ ^/both/(\\w+)/(\\w+)$ {
      nchan_channel_id $1 $2;
      nchan_subscriber;
      ${pass}
    }
    location ~ ^/pubsub/(\\w+)$ {
      nchan_channel_id $1;
      nchan_pubsub;
      ${pass}
    }
    location ~ ^/pub/(\\w+)$ {
      nchan_channel_id $1;
      nchan_publisher;
      ${pass}
    }
    location = /closed { return 403; }
  }
}
`
}
