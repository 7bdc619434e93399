"""The experiments `scale` and `mlp` of `npm run demo -- paper`, in PyTorch, from the same settings files.

    python paper.py --train scale,mlp                     # trains into paper.json, minutes to an hour
    python paper.py --compare ../../../runs/paper/cells   # compares paper.json with finished runs of the demo

All runs of an experiment are trained as one stack: every weight has a leading axis, one entry a run, and each run has
its own learning rates and decays. Only the batches are those of the demo; first weights are drawn by torch.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.func import grad_and_value, vmap

from lm import TEXT, VALIDATION_SEED
from model import Config, attention, effective, initial_weights, logits, loss, mlp, rms_norm, rotary_angles
from pure_rand import Xoroshiro128Plus
from recipe import is_gain, is_multiplier, schedule
from text import draw_batch, read_text

SETTINGS = Path(__file__).parent / '../src/paper'
PROBE_SEED = 8
LINES = {
    'scale': ['gain frozen', 'scalar', 'vector'],
    'mlp': ['AdamW', 'AdamW, scalars', 'Muon', 'Muon, scalars'],
}
MLP = ('_gate/kernel', '_up/kernel', '_down/kernel')
QUINTIC = [
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
]


@dataclass(frozen=True)
class Run:
    line: str
    factor: float
    seed: int


def orthogonalize(matrices):
    """Newton-Schulz on [..., in, out]: singular values to about 1."""
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    is_tall = x.shape[-2] > x.shape[-1]
    x = x.mT if is_tall else x
    for a, b, c in QUINTIC:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if is_tall else x


class Stack:
    """Runs side by side: weights, moments, and for each weight a rate, a decay and a rule for each run."""

    def __init__(self, experiment, settings, config, runs):
        self.experiment, self.settings, self.config, self.runs = experiment, settings, config, runs
        drawn = [initial_weights(config, False, run.seed) for run in runs]
        weights = {name: torch.stack([each[name].detach() for each in drawn]) for name in drawn[0]}
        scaled = self.scaled_names(weights)
        for name in scaled:
            weights[f'{name}/scalar_multiplier'] = torch.ones(len(runs))
        self.weights = weights
        self.m = {name: torch.zeros_like(w) for name, w in weights.items()}
        self.v = {name: torch.zeros_like(w) for name, w in weights.items()}
        self.rate, self.decay, self.trains, self.is_muon = {}, {}, {}, {}
        for name in weights:
            self.rate[name] = torch.tensor([self.rate_of(name, run, scaled) for run in runs])
            self.decay[name] = torch.tensor([self.decay_of(name, run, scaled) for run in runs])
            self.trains[name] = torch.tensor([float(self.is_trained(name, run)) for run in runs])
            muon = name in scaled and experiment == 'mlp'
            self.is_muon[name] = torch.tensor([muon and run.line.startswith('Muon') for run in runs])

    def scaled_names(self, weights):
        """The matrices whose S is varied, which are those that may have a scalar multiplier."""
        return ['head/kernel'] if self.experiment == 'scale' else [name for name in weights if name.endswith(MLP)]

    def rate_of(self, name, run, scaled):
        return self.settings['learningRate'] * (run.factor if name in scaled else 1)

    def decay_of(self, name, run, scaled):
        if is_multiplier(name):
            return self.settings['multiplierDecay']
        if is_gain(name):
            return 0
        return self.settings['decay'] / (run.factor if name in scaled else 1)

    def is_trained(self, name, run):
        """Gains are frozen in `mlp`; in `scale` the last one is, except for 'vector'. Scalars train where a line has them."""
        if is_multiplier(name):
            return 'scalar' in run.line
        if self.experiment == 'mlp':
            return not is_gain(name)
        return name != 'norm/gain' or run.line == 'vector'

    def step(self, at, ids, targets):
        """One update of every run: clipping at 1 without multipliers, decay, AdamW or Muon."""
        gradients, _ = vmap(grad_and_value(loss), in_dims=(0, None, 0, 0))(self.weights, self.config, ids, targets)
        along = lambda x, like: x.view(-1, *[1] * (like.dim() - 1))
        squares = sum(
            (g.flatten(1) ** 2).sum(1) * self.trains[name] if g.dim() > 1 else g**2 * self.trains[name]
            for name, g in gradients.items()
            if not is_multiplier(name)
        )
        coefficient = (1 / (squares.sqrt() + 1e-6)).clamp(max=1)
        factor, t = schedule(at, self.settings['preset']['steps']), at + 1
        for name, g in gradients.items():
            w = self.weights[name]
            if not is_multiplier(name):
                g = g * along(coefficient, g)
            rate = along(self.rate[name] * factor * self.trains[name], w)
            m, v = self.m[name], self.v[name]
            is_muon = self.is_muon[name]
            beta = along(torch.where(is_muon, 0.95, 0.9), w)
            m.mul_(beta).add_(g * (1 - beta))
            v.mul_(0.95).add_(0.05 * g**2)
            update = m / (1 - 0.9**t) / ((v / (1 - 0.95**t)).sqrt() + 1e-8)
            if is_muon.any():
                own = m[is_muon] * 0.95 + g[is_muon] * 0.05
                update[is_muon] = 0.2 * max(w.shape[-2:]) ** 0.5 * orthogonalize(own)
            w.mul_(1 - rate * along(self.decay[name], w)).sub_(rate * update)

    @torch.no_grad()
    def losses(self, ids, count, batch, length):
        rng, total = Xoroshiro128Plus(VALIDATION_SEED), 0
        measure = vmap(loss, in_dims=(0, None, None, None))
        for _ in range(count):
            total = total + measure(self.weights, self.config, *draw_batch(ids, batch, length, rng))
        return total / count

    @torch.no_grad()
    def measure(self, ids):
        """What the demo measures besides the loss, on one batch of token ids."""
        rms = lambda x: (x.flatten(1) ** 2).mean(1).sqrt()
        if self.experiment == 'scale':
            scalar, gain = self.weights['head/kernel/scalar_multiplier'], rms(self.weights['norm/gain'])
            is_scalar = torch.tensor([run.line == 'scalar' for run in self.runs])
            outputs = vmap(logits, in_dims=(0, None, None))(self.weights, self.config, ids)
            return {'gain': torch.where(is_scalar, scalar.abs(), gain), 'logits': rms(outputs)}
        blocks = vmap(mlp_outputs, in_dims=(0, None, None))(self.weights, self.config, ids)
        return {'output': sum(rms(x) ** 2 for x in blocks).div(len(blocks)).sqrt()}


def mlp_outputs(weights, config, ids):
    """What each MLP adds to the residual stream."""
    x = torch.nn.functional.embedding(ids, effective(weights, 'embedding/embeddings'))
    cos, sin = rotary_angles(ids.shape[1], config.width // config.heads, x.dtype)
    outputs = []
    for i in range(config.blocks):
        x = x + attention(weights, i, rms_norm(x, weights[f'block{i}_attention_norm/gain']), config.heads, cos, sin)
        outputs.append(mlp(weights, i, rms_norm(x, weights[f'block{i}_mlp_norm/gain'])))
        x = x + outputs[-1]
    return outputs


def train(experiment, text, factors, seeds, steps):
    settings = json.loads((SETTINGS / f'{experiment}.json').read_text())
    preset = settings['preset']
    if steps is not None:
        preset['steps'] = steps
    config = Config(len(text.vocabulary), preset['width'], preset['blocks'], preset['heads'], preset['mlp'])
    seeds = seeds or settings['seeds']
    runs = [Run(line, f, s) for line in LINES[experiment] for f in factors or settings['factors'] for s in seeds]
    stack = Stack(experiment, settings, config, runs)
    batch, length = preset['batch'], preset['context']
    generators = {seed: Xoroshiro128Plus(seed) for seed in seeds}
    place = torch.tensor([seeds.index(run.seed) for run in runs])
    began = time.process_time()
    for at in range(preset['steps']):
        drawn = [draw_batch(text.train, batch, length, generators[seed]) for seed in seeds]
        ids, targets = (torch.stack(each)[place] for each in zip(*drawn))
        stack.step(at, ids, targets)
        if (at + 1) % 200 == 0:
            print(f'{experiment}: step {at + 1}, {time.process_time() - began:.0f} s of one core', flush=True)
    losses = stack.losses(text.validation, settings['validationBatches'], batch, length)
    probe, _ = draw_batch(text.validation, batch, length, Xoroshiro128Plus(PROBE_SEED))
    measured = {'loss': losses, **stack.measure(probe)}
    return [
        {'experiment': experiment, **vars(run), **{name: value[i].item() for name, value in measured.items()}}
        for i, run in enumerate(runs)
    ]


def compare(results, folder):
    """Each point of the curves here and in the demo: means, and their distance in units of its standard error."""
    cells = [json.loads(file.read_text()) for file in Path(folder).glob('*.json')]
    rows = []
    for experiment, lines in LINES.items():
        full = json.loads((SETTINGS / f'{experiment}.json').read_text())
        theirs = [
            c
            for c in cells
            if c['cell']['experiment'] == experiment and c['cell']['settings']['preset'] == full['preset']
        ]
        for line in lines:
            own = [r for r in results if r['experiment'] == experiment and r['line'] == line]
            for factor in sorted({r['factor'] for r in own}):
                there = [
                    c['measured']
                    for c in theirs
                    if c['cell']['varied']['line'] == line and c['cell']['varied']['factor'] == factor
                ]
                here = [r for r in own if r['factor'] == factor]
                for quantity in [q for q in here[0] if q not in ('experiment', 'line', 'factor', 'seed')]:
                    a = torch.tensor([r[quantity] for r in here], dtype=torch.float64)
                    b = torch.tensor([m[quantity] for m in there], dtype=torch.float64)
                    if quantity != 'loss':
                        a, b = a.log(), b.log()
                    error = (a.var() / len(a) + b.var() / len(b)).sqrt()
                    if error == 0 and a.mean() == b.mean():
                        continue  # a gain that is frozen
                    rows.append((experiment, line, factor, quantity, a, b, (a.mean() - b.mean()) / error))
    for experiment, line, factor, quantity, a, b, apart in rows:
        shown = quantity if quantity == 'loss' else f'log {quantity}'
        print(
            f'{experiment:6} {line:15} S × {factor:<9g}{shown:12}'
            f'PyTorch {a.mean():7.3f} ± {a.std():.3f}   demo {b.mean():7.3f} ± {b.std():.3f}   {apart:5.1f} standard errors'
        )
    near = sum(abs(row[-1]) <= 3 for row in rows)
    print(f'{near} of {len(rows)} points lie within 3 standard errors of each other.')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--train', default='', help='scale, mlp, or both with a comma between')
    parser.add_argument('--factors', help='separated by commas; all of the settings file by default')
    parser.add_argument('--seeds', help='separated by commas; all of the settings file by default')
    parser.add_argument('--steps', type=int, help='fewer, to try the script')
    parser.add_argument('--results', default='paper.json', help='what is written, or compared (default paper.json)')
    parser.add_argument('--compare', metavar='FOLDER', help='the cells of npm run demo -- paper')
    parser.add_argument('--text', default=TEXT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    file = Path(args.results)
    results = json.loads(file.read_text()) if file.exists() else []
    numbers = lambda given, kind: given and [kind(each) for each in given.split(',')]
    for experiment in filter(None, args.train.split(',')):
        text = read_text(args.text)
        trained = train(experiment, text, numbers(args.factors, float), numbers(args.seeds, int), args.steps)
        results = [r for r in results if r['experiment'] != experiment] + trained
        file.write_text(json.dumps(results, indent=2) + '\n')
    if args.compare:
        compare(results, args.compare)


if __name__ == '__main__':
    main()
