import { defineConfig } from 'vite'

export default defineConfig({
  // `npm run dev`: the line goes to your own server, its WebSocket too.
  server: { proxy: { '/live': { target: process.env.LIVE_SERVER ?? 'http://localhost:8080', ws: true } } },
})
