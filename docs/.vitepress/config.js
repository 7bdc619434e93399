import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitepress';
import reference from '../reference/typedoc-sidebar.json' with { type: 'json' };

const packages = readdirSync(new URL('../../packages', import.meta.url));

/** In the order in which a newcomer needs them. */
const GUIDES = [
  ['Add multipliers to your model', 'add-multipliers'],
  ['Which optimizer, which decay', 'optimizer-and-decay'],
  ['Train in the browser', 'browser'],
  ['Train on several machines', 'several-machines'],
  ['Deploy a folded model', 'deploy'],
  ['Coming from PyTorch, optax or Keras', 'names'],
  ['What each toolkit has', 'comparison'],
  ['Write your own optimizer, adapter, schedule or layer', 'write-your-own'],
  ['What of the paper shows in small models', 'paper'],
  ['Limits and negative results', 'limits'],
];

const WIDE = ['guides/names.md', 'guides/comparison.md', 'traps.md', 'gradients.md'];

for (const [, page] of GUIDES) {
  if (!existsSync(new URL(`../guides/${page}.md`, import.meta.url))) {
    throw new Error(`docs: there is no guides/${page}.md`);
  }
}

export default defineConfig({
  title: 'tfjs-lrm',
  description: 'Learnable multipliers and the training toolkit around them, for TensorFlow.js',
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  transformPageData: ({ relativePath, frontmatter }) =>
    WIDE.includes(relativePath) ? { frontmatter: { ...frontmatter, aside: false } } : undefined,
  themeConfig: {
    nav: [
      { text: 'Guides', link: '/guides/add-multipliers', activeMatch: '^/guides/' },
      { text: 'Live', link: '/live' },
      { text: 'Packages', link: `/packages/${packages[0]}`, activeMatch: '^/packages/' },
      { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
    ],
    sidebar: {
      '/reference/': reference,
      '/': [
        {
          text: 'Guides',
          items: GUIDES.map(([text, page]) => ({ text, link: `/guides/${page}` })),
        },
        {
          text: 'Packages',
          items: packages.map((name) => ({ text: name, link: `/packages/${name}` })),
        },
        { text: 'Live, in this browser', link: '/live' },
        { text: 'Traps of TensorFlow.js', link: '/traps' },
        { text: 'Gradients of TensorFlow.js', link: '/gradients' },
        { text: 'Reports for TensorFlow.js', link: '/upstream/README' },
      ],
    },
    outline: { level: [2, 3] },
    search: { provider: 'local' },
  },
});
