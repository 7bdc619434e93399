"""Writes fixtures/lm/model.json: what a very small model must compute, in double precision.

    python fixtures.py

    { versions, config, recipe, ids [B, T], targets [B, T],
      plain:       { weights, logits [B, T, V], loss, gradients, losses [steps], trained },
      multipliers: the same }

weights, gradients (of the loss, before clipping) and trained (the weights after the recipe's steps, always
on the same batch) are by name. Both cases share their matrices and gains. Numbers have 9 significant
digits; the weights are rounded before anything is computed from them.
"""

import json
import math
import platform
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy
import torch

from model import Config, gain_names, logits, loss, matrix_shapes, multiplier_shapes
from recipe import Trainer, schedule

OUTPUT = Path(__file__).parent / '../../../fixtures/lm/model.json'
CONFIG = Config(vocabulary=11, width=8, blocks=2, heads=2, mlp=12)
BATCH, LENGTH = 3, 6
# With this seed every step of both cases is clipped, by a coefficient that changes from step to step (one
# that did not would cancel in AdamW), and two tokens never occur, so that only decay moves their rows.
SEED = 5
RECIPE = {'learningRate': 4e-3, 'decay': 0.5, 'warmUp': 3, 'steps': 5}


def rounded(values):
    """Nested lists of numbers at 9 significant digits."""
    if isinstance(values, list):
        return [rounded(value) for value in values]
    return float(f'{values:.9g}')


def as_lists(tensors):
    return {name: rounded(tensor.tolist()) for name, tensor in tensors.items()}


def random_weights(random):
    """Every weight away from its usual start, so that each one's part shows in the result."""
    weights = {}
    for name, shape in matrix_shapes(CONFIG).items():
        # With the usual 0.02 the embedding's gradients would be tiny.
        deviation = 1 if name == 'embedding/embeddings' else 1 / math.sqrt(shape[0])
        weights[name] = random.normal(0, deviation, shape)
    for name in gain_names(CONFIG):
        weights[name] = random.uniform(0.5, 1.5, CONFIG.width)
    for name, shape in multiplier_shapes(CONFIG).items():
        weights[name] = random.uniform(0.5, 1.5, shape)
    return as_lists(weights)


def case(weights, ids, targets):
    leaves = {name: torch.tensor(w, dtype=torch.float64, requires_grad=True) for name, w in weights.items()}
    value = loss(leaves, CONFIG, ids, targets)
    gradients = dict(zip(leaves, torch.autograd.grad(value, leaves.values())))
    expected = {
        'weights': weights,
        'logits': rounded(logits(leaves, CONFIG, ids).tolist()),
        'loss': rounded(value.item()),
        'gradients': as_lists(gradients),
    }
    # Infinitely many steps: the learning rate never reaches its decay.
    constant = partial(schedule, steps=math.inf, warm_up=RECIPE['warmUp'])
    trainer = Trainer(leaves, CONFIG, RECIPE['learningRate'], RECIPE['decay'], constant)
    expected['losses'] = [rounded(trainer.step(ids, targets)) for _ in range(RECIPE['steps'])]
    expected['trained'] = as_lists(leaves)
    return expected


def main():
    torch.set_num_threads(1)
    random = numpy.random.default_rng(SEED)
    ids, targets = torch.tensor(random.integers(CONFIG.vocabulary, size=(2, BATCH, LENGTH)))
    weights = random_weights(random)
    plain = {name: w for name, w in weights.items() if name not in multiplier_shapes(CONFIG)}
    fixture = {
        'versions': {'python': platform.python_version(), 'numpy': numpy.__version__, 'torch': torch.__version__},
        'config': asdict(CONFIG),
        'recipe': RECIPE,
        'ids': ids.tolist(),
        'targets': targets.tolist(),
        'plain': case(plain, ids, targets),
        'multipliers': case(weights, ids, targets),
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(fixture, separators=(',', ':')) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
