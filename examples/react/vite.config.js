// npm install throughline react react-dom vite @vitejs/plugin-react, then in one terminal `node hub.js` and in another `npx vite`
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  server: {
    host: 'localhost',
    port: Number(process.env.PORT ?? 3000),
    // What goes to the hub goes there in development too, WebSockets included.
    proxy: { '/live': { target: `http://localhost:${process.env.HUB_PORT ?? 8081}`, ws: true, xfwd: true } },
  },
})
