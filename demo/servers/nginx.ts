import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGuarded } from '../../e2e/fixtures/guarded.ts'

// Where Debian's packages nginx and libnginx-mod-nchan put them.
const nginx = '/usr/sbin/nginx'
const nchan = '/usr/lib/nginx/modules/ngx_nchan_module.so'

export function hasNginx(): boolean {
  return existsSync(nginx) && existsSync(nchan)
}

/** An nginx with Nchan: `/pub/<channel>` takes messages, `/sub/<channel>/<channel>` brings those of two channels. */
export async function startNginx() {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-demo-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(file, configuration(folder, port))
  const running = startGuarded(nginx, ['-p', folder, '-c', file, '-e', join(folder, 'log')], process.env)
  running.report.destroy()
  for (let tries = 0; tries < 100 && !(await answers(port)); tries++) await sleep(20)
  return {
    port,
    async close() {
      running.end()
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}

function configuration(folder: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
load_module ${nchan};
daemon off;
master_process off;
pid ${folder}/pid;
events {}
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  nchan_message_buffer_length 1000;
  nchan_message_timeout 10m;
  server {
    listen 127.0.0.1:${port};
    location = /ready { return 204; }
    location ~ ^/pub/(\\w+)$ {
      nchan_publisher;
      nchan_channel_id $1;
    }
    location ~ ^/sub/(\\w+)/(\\w+)$ {
      nchan_subscriber;
      nchan_channel_id $1 $2;
      nchan_subscriber_first_message newest;
      nchan_subscriber_timeout 25;
      nchan_eventsource_ping_interval 10;
      nchan_websocket_ping_interval 10;
    }
  }
}
`
}

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/ready`).then(
    () => true,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
