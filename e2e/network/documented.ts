/** nginx and HAProxy with a configuration that the docs show, as processes of a test's own. */
import { readFile } from 'node:fs/promises'
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

/** The block of that language in docs/load-balancers.md. */
export async function shown(language: string): Promise<string> {
  const page = await readFile('docs/load-balancers.md', 'utf8')
  const [, block] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page) ?? []
  if (block === undefined) throw new Error(`docs/load-balancers.md has no ${language}`)
  return block
}

/** Its nodes on these ports. */
export function placed(rules: string, nodes: readonly number[]): string {
  return rules.replace(/\bnode-(\d):8080/g, (_, node) => `127.0.0.1:${nodes[node - 1]}`)
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
