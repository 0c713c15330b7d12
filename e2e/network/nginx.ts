import type { Program } from './programs.ts'

/** What nginx does to the hub's traffic, as directives of its location. */
export const nginxRules = {
  /** As it is configured when nobody thought of streams: HTTP/1.0 to the server, and it knows better than `X-Accel-Buffering`. */
  buffers: `
    proxy_http_version 1.0;
    proxy_buffering on;
    proxy_ignore_headers X-Accel-Buffering;`,
  /** Every answer is compressed, and what the compressor holds is held. */
  compresses: `
    proxy_http_version 1.1;
    proxy_ignore_headers X-Accel-Buffering;
    gzip on;
    gzip_min_length 0;
    gzip_proxied any;
    gzip_types text/event-stream text/plain text/javascript;`,
  /** As its own page on WebSocket proxying has it. */
  passes: `
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;`,
  /** The same without a thought for WebSocket. */
  streams: `
    proxy_http_version 1.1;`,
}

export function nginx(target: number, rules: string): Program {
  return {
    name: 'nginx',
    path: '/usr/sbin/nginx',
    configure: (port, folder) => configuration(port, folder, target, rules),
    arguments: (file, folder) => ['-p', folder, '-c', file, '-e', `${folder}/log`],
  }
}

function configuration(port: number, folder: string, target: number, rules: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
master_process off;
pid ${folder}/pid;
events {}
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  proxy_set_header Host $http_host;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${target}; }
    location = /live {
      proxy_pass http://127.0.0.1:${target};
      proxy_set_header Host $http_host;${rules}
    }
  }
}
`
}
