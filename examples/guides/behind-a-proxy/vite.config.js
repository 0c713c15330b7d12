import { defineConfig } from 'vite'

export default defineConfig({
  server: {
    proxy: {
      // Without `ws` each line goes by EventSource.
      '/live': { target: 'http://127.0.0.1:8080', ws: true },
    },
  },
})
