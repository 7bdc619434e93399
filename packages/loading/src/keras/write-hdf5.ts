/** Writes HDF5 files in the memory of h5wasm. */
import type { Values } from './hdf5.ts';
import { hdf5Library, type Library, quietly } from './hdf5-library.ts';

export interface Stored {
  /** Its path, such as `layers/dense/vars/0`. */
  readonly path: string;
  readonly shape: readonly number[];
  readonly values: Values;
}

type Group = InstanceType<Library['File']>;

/** The group at a path. Keras expects `vars` in each group of a layer, also where it has no weights of its own. */
function groupAt(root: Group, path: string): Group {
  const existing = root.get(`/${path}`) as Group | null;
  if (existing !== null) return existing;
  const [, parent, name] = path.match(/^(?:(.*)\/)?([^/]+)$/) as unknown as [
    string,
    string?,
    string?,
  ];
  const group = (parent === undefined ? root : groupAt(root, parent)).create_group(
    name as string,
  ) as Group;
  if (!['vars', 'layers', 'cells'].includes(name as string)) group.create_group('vars');
  return group;
}

let count = 0;

/** A file with these datasets. */
export async function hdf5Of(datasets: readonly Stored[]): Promise<Uint8Array<ArrayBuffer>> {
  const { module, File } = await hdf5Library();
  const path = `/tfjs-lrm-new-${++count}.h5`;
  return quietly(module, () => {
    try {
      const file = new File(path, 'w');
      try {
        file.create_group('vars');
        for (const { path: dataset, shape, values } of datasets) {
          const [, group, name] = dataset.match(/^(.*)\/([^/]+)$/) as unknown as string[];
          groupAt(file, group as string).create_dataset({
            name: name as string,
            data: values,
            shape,
          });
        }
      } finally {
        file.close();
      }
      return Uint8Array.from(module.FS.readFile(path));
    } finally {
      module.FS.unlink(path);
    }
  });
}
