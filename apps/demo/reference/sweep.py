"""Trains plain AdamW and AdamW with multipliers over a grid, and chooses the demo's settings by a rule.

    python sweep.py               tiny, into sweep.json, sweep.md and choice.json
    python sweep.py --grid small  small, into small.json and small.md; no choice

A run already in the JSON file is not repeated, so a stopped sweep goes on where it was.

THE RULE, fixed before any result was seen. The well-set (learning rate, decay) is the pair with the lowest
mean validation loss of plain AdamW (no multipliers). The badly set decay is the smallest decay on the grid,
at that same learning rate, whose plain-AdamW mean loss is at least 0.1 nats worse than the well-set one (if
there is none: the largest decay).
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch

from lm import TEXT, train
from text import read_text

HERE = Path(__file__).parent
RULE = (
    'well-set: the (learning rate, decay) with the lowest mean validation loss of plain AdamW; badly set: the '
    'smallest decay at that learning rate whose plain-AdamW mean is at least 0.1 nats worse (if none: the largest)'
)
BADLY_SET_NATS = 0.1
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Grid:
    preset: str
    output: str
    learning_rates: tuple
    decays: tuple

    def runs(self):
        """Settings of every run, all plain ones first: the rule needs only those."""
        for multipliers in (False, True):
            for learning_rate in self.learning_rates:
                for decay in self.decays:
                    for seed in SEEDS:
                        yield learning_rate, decay, multipliers, seed


GRIDS = {
    'tiny': Grid('tiny', 'sweep', (2e-3, 4e-3, 8e-3), (0.1, 0.5, 2, 8)),
    'small': Grid('small', 'small', (4e-3,), (0.1, 2)),
}


def write_json(path, value):
    """Replaces the file in one go, so that a stopped sweep never leaves half of one."""
    draft = path.with_suffix('.draft')
    draft.write_text(json.dumps(value, indent=2, allow_nan=False) + '\n', encoding='utf-8')
    os.replace(draft, path)


def sweep(grid, text, path):
    results = json.loads(path.read_text(encoding='utf-8')) if path.exists() else []
    done = {(r['learningRate'], r['decay'], r['multipliers'], r['seed']) for r in results}
    for learning_rate, decay, multipliers, seed in grid.runs():
        if (learning_rate, decay, multipliers, seed) in done:
            continue
        results.append(train(text, grid.preset, learning_rate, decay, multipliers, seed))
        write_json(path, results)
        print(json.dumps(results[-1]), flush=True)
    return results


def losses(results, learning_rate, decay, multipliers):
    """The validation losses of one cell of the table, one per seed."""
    cell = (learning_rate, decay, multipliers)
    return [r['validationLoss'] for r in results if (r['learningRate'], r['decay'], r['multipliers']) == cell]


def table(grid, results):
    lines = [
        f'Validation loss of `{grid.preset}`, nats per character: mean ± sample standard deviation over seeds '
        f'{", ".join(map(str, SEEDS))}. The last column is multipliers minus plain, the mean and standard deviation '
        'of the differences seed by seed: negative where multipliers help.',
        '',
        '| learning rate | decay | AdamW | + multipliers | difference |',
        '| --- | --- | --- | --- | --- |',
    ]
    for learning_rate in grid.learning_rates:
        for decay in grid.decays:
            plain, multiplied = (losses(results, learning_rate, decay, m) for m in (False, True))
            differences = [b - a for a, b in zip(plain, multiplied)]
            cells = [f'{mean(cell):.3f} ± {stdev(cell):.3f}' for cell in (plain, multiplied)]
            cells.append(f'{mean(differences):+.3f} ± {stdev(differences):.3f}')
            lines.append(f'| {learning_rate:g} | {decay:g} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def choose(grid, results):
    """The rule of this file's docstring."""
    plain = {(r, d): mean(losses(results, r, d, False)) for r in grid.learning_rates for d in grid.decays}
    learning_rate, decay = min(plain, key=plain.get)
    limit = plain[learning_rate, decay] + BADLY_SET_NATS
    bad = [d for d in grid.decays if plain[learning_rate, d] >= limit]
    return {
        'learningRate': learning_rate,
        'wellSetDecay': decay,
        'badlySetDecay': min(bad, default=max(grid.decays)),
        'rule': RULE,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--grid', choices=GRIDS, default='tiny')
    parser.add_argument('--text', default=TEXT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    grid = GRIDS[args.grid]
    results = sweep(grid, read_text(args.text), HERE / f'{grid.output}.json')
    report = table(grid, results)
    if args.grid == 'tiny':
        choice = choose(grid, results)
        write_json(HERE / 'choice.json', choice)
        report += (
            f'\nBy the rule stated in `sweep.py`: learning rate {choice["learningRate"]:g}, well-set decay '
            f'{choice["wellSetDecay"]:g}, badly set decay {choice["badlySetDecay"]:g}.\n'
        )
    (HERE / f'{grid.output}.md').write_text(report, encoding='utf-8')
    print(report)


if __name__ == '__main__':
    main()
