import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// The attention layers of tfjs-layers are modules outside its bundle for Node, which Node itself cannot load.
const modules = /tfjs-layers\/dist\/(?!tf-layers)/;

export default mergeConfig(
  shared,
  defineConfig({ test: { server: { deps: { inline: [modules] } } } }),
);
