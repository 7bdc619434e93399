"""The best learning rate at each width in PyTorch, with µP: the students of `npm run study:widths` under other settings.

    python torch_widths.py --schedule linear --steps 240

Needs torch. The factors are those of the package mup for Adam. Data and teacher are drawn like those of the study, and
are not the same. Prints for each width the best rate of the grid and the lowest point of a parabola, as powers of two,
by the validation loss and by the mean training loss over the last quarter of the steps.
"""

import argparse
import math

import numpy as np
import torch

INPUTS, OUTPUTS, HIDDEN_LAYERS, VALIDATION = 16, 10, 3, 2048
WIDTHS = (64, 128, 256, 512)
BASE = WIDTHS[0]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--powers', default='-7.5,-7,-6.5,-6,-5.5,-5,-4.5', help='rates as powers of two: --powers=-7,-6')
    parser.add_argument('--steps', type=int, default=240)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--schedule', choices=['linear', 'constant'], default='linear')
    parser.add_argument('--warm-up', type=float, default=0, help='share of the steps')
    parser.add_argument('--head', choices=['random', 'zero'], default='random')
    parser.add_argument('--deviation', type=float, default=1, help="of initial values, over He's")
    parser.add_argument('--no-bias', action='store_true')
    parser.add_argument('--standard', action='store_true', help='without µP')
    return parser.parse_args()


def generator(seed):
    return torch.Generator().manual_seed(seed)


def teacher():
    source = generator(1)
    sizes = [(INPUTS, 32), (32, 32), (32, OUTPUTS)]
    return [torch.randn(rows, columns, generator=source) * 2 / math.sqrt(rows) for rows, columns in sizes]


def examples(kernels, count, seed):
    x = torch.randn(count, INPUTS, generator=generator(seed))
    return x, torch.tanh(torch.tanh(x @ kernels[0]) @ kernels[1]) @ kernels[2]


class Student:
    def __init__(self, width, seed, options):
        ratio = 1 if options.standard else width / BASE
        source, sizes = generator(100 * seed + 7), [INPUTS] + [width] * HIDDEN_LAYERS + [OUTPUTS]
        self.layers, self.groups = [], []
        for i, (rows, columns) in enumerate(zip(sizes, sizes[1:])):
            kernel = torch.randn(rows, columns, generator=source) * math.sqrt(2 / rows) * options.deviation
            if i == HIDDEN_LAYERS:
                kernel *= 0 if options.head == 'zero' else 1 / math.sqrt(ratio)
            kernel.requires_grad_()
            bias = torch.zeros(columns, requires_grad=not options.no_bias)
            self.layers.append((kernel, bias))
            self.groups.append({'params': [kernel], 'factor': 1 if i == 0 else 1 / ratio})
            if not options.no_bias:
                self.groups.append({'params': [bias], 'factor': 1})

    def __call__(self, x):
        for i, (kernel, bias) in enumerate(self.layers):
            x = torch.addmm(bias, x, kernel)
            if i < HIDDEN_LAYERS:
                x = torch.relu(x)
        return x


def factor_at(step, options):
    warm = options.warm_up * options.steps
    if step < warm:
        return (step + 1) / warm
    return (options.steps - step) / (options.steps - warm) if options.schedule == 'linear' else 1


def losses_of(width, rate, seed, batches, validation, options):
    student = Student(width, seed, options)
    optimizer = torch.optim.Adam(student.groups, lr=rate, fused=True)
    losses = []
    for step, (x, y) in enumerate(batches):
        for group in optimizer.param_groups:
            group['lr'] = rate * group['factor'] * factor_at(step, options)
        loss = (student(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    with torch.no_grad():
        x, y = validation
        error = (student(x) - y).square().mean().item()
    return error, torch.stack(losses[-math.ceil(options.steps / 4) :]).mean().item()


def lowest(powers, losses, best):
    """The lowest point of a parabola through the logarithms of the losses, up to two places beside the best."""
    near = [i for i in range(len(powers)) if abs(i - best) <= 2 and math.isfinite(losses[i])]
    if best in (near[0], near[-1]):
        return math.nan
    bend, slope, _ = np.polyfit([powers[i] - powers[best] for i in near], [math.log2(losses[i]) for i in near], 2)
    return powers[best] - slope / (2 * bend)


def main():
    options = arguments()
    torch.set_num_threads(1)
    powers = [float(power) for power in options.powers.split(',')]
    kernels = teacher()
    validation = examples(kernels, VALIDATION, 98)
    batches = [
        [examples(kernels, options.batch, 100000 * (seed + 1) + step) for step in range(options.steps)]
        for seed in range(options.seeds)
    ]
    for width in WIDTHS:
        runs = np.array(
            [
                [losses_of(width, 2**power, seed, batches[seed], validation, options) for seed in range(options.seeds)]
                for power in powers
            ]
        )
        texts = []
        for name, losses in zip(('validation', 'training'), runs.mean(axis=1).T):
            best = int(np.nanargmin(losses))
            texts.append(f'{name} best 2^{powers[best]}, lowest {lowest(powers, losses, best):.2f}, loss {losses[best]:.4f}')
        print(f'width {width}: ' + '; '.join(texts), flush=True)


if __name__ == '__main__':
    main()
