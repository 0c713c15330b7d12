export default {
  // The hub behind it needs `trustProxy: true`: Next.js changes `Host`.
  rewrites: async () => [{ source: '/live', destination: 'http://127.0.0.1:8080/live' }],
}
