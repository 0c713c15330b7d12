import { readFileSync } from 'node:fs'
import resolve from '@rollup/plugin-node-resolve'

export default {
  input: 'src/main.js',
  output: { dir: 'dist' },
  plugins: [resolve({ browser: true }), page()],
}

function page() {
  const source = readFileSync('src/index.html', 'utf8')
  return {
    name: 'page',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'index.html', source })
    },
  }
}
