/** nginx and HAProxy with a configuration that the docs show, as processes of a test's own. */
import type { Program } from './programs.ts'

type Name = 'nginx' | 'haproxy'

/** `rules` as they are shown, their ports replaced: the one that they listen on, and those of the servers behind. */
export function documented(name: Name, rules: string, place: (rules: string) => string): Program {
  const { wrap, ...program } = programs[name]
  return {
    ...program,
    configure: (port, folder) =>
      wrap(
        place(rules)
          .replace('listen 80;', `listen 127.0.0.1:${port};`)
          .replace('bind :80', `bind 127.0.0.1:${port}`),
        folder,
      ),
  }
}

/** What each needs beside what is shown. */
const programs: Record<Name, Omit<Program, 'configure'> & { wrap(rules: string, folder: string): string }> = {
  nginx: {
    name: 'nginx',
    path: '/usr/sbin/nginx',
    arguments: (file, folder) => ['-p', folder, '-c', file, '-e', `${folder}/log`],
    wrap: (rules, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${rules}
}
`,
  },
  haproxy: {
    name: 'haproxy',
    path: '/usr/sbin/haproxy',
    arguments: file => ['-db', '-f', file],
    wrap: rules => `global\n  maxconn 500\n${rules}`,
  },
}
