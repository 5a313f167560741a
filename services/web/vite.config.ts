import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `ORCHESTRATOR_URL` is a gateway that runs, for `npm run dev`.
const gateway = process.env.ORCHESTRATOR_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // Nothing inline: the content security policy allows only what this server sends as files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 300,
  },
  server: { proxy: { "/api": gateway, "/workflow_engine.v1": gateway } },
  test: { include: ["src/**/*.test.ts"] },
});
