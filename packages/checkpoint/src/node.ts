/** `@tfjs-lrm/checkpoint/node`: checkpoints as files in a folder. */

export { writeDurably } from './durable.ts';
export { type FolderStore, folderStore } from './folder-store.ts';
