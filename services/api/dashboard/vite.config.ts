import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    // The policy of the page allows no data URLs for fonts and scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'assets/licenses.md' },
  },
  server: {
    // `npm run dev` beside `make run`.
    proxy: {
      '/api': 'http://127.0.0.1:8071',
      '/docs': 'http://127.0.0.1:8071',
    },
  },
  test: {
    include: ['src/**/*.test.ts'],
  },
})
