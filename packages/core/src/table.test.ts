import { expect, test } from 'vitest';
import { drawTable } from './kit.ts';

const rows = [
  ['name', 'loss'],
  ['a', '1.25'],
  ['longer', '10.5'],
];

test('columns are as wide as their widest cell, and lines do not end in spaces', () => {
  expect(drawTable(rows)).toBe('name    loss\na       1.25\nlonger  10.5');
  expect(
    drawTable([
      ['x', ''],
      ['yy', 'z'],
    ]),
  ).toBe('x\nyy  z');
});

test('numbers stand to the right, from a column on', () => {
  const table = [
    ['name', 'loss', 'steps'],
    ['a', '1.2', '5'],
  ];
  expect(drawTable(table, { right: 1 })).toBe('name  loss  steps\na      1.2      5');
  expect(drawTable(table, { right: 2 })).toBe('name  loss  steps\na     1.2       5');
});

test('no rows are no text', () => expect(drawTable([])).toBe(''));
