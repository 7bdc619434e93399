import { expect, it } from 'vitest';
import * as node from './node.ts';
import * as inBrowser from './node-in-browser.ts';

it('a bundle for the browser has functions of the same names, which say what to use there', () => {
  expect(Object.keys(inBrowser).sort()).toEqual(Object.keys(node).sort());
  for (const each of Object.values(inBrowser))
    expect(() => each('runs', [])).toThrow(/does not work in a browser\. Try indexedDBStore/);
});
