/** One run over the whole workspace (`npx vitest`), for development; turbo runs package by package. */
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { projects: ['packages/*', 'apps/*', 'benchmarks'] } });
