"""The training recipe: AdamW, what it decays, what it clips, and the learning-rate schedule.

AdamW at step t = 1, 2, ... with gradient g, decay lambda and learning rate eta (schedule included):

    w <- w - eta * lambda * w
    m <- 0.9 m + 0.1 g,   v <- 0.95 v + 0.05 g^2
    w <- w - eta * (m / (1 - 0.9^t)) / (sqrt(v / (1 - 0.95^t)) + 1e-8)
"""

import torch

from model import loss

# The multipliers' own decay: just enough to stop drift along the symmetries (paper, sec. 4.1).
MULTIPLIER_DECAY = 2e-3


def is_multiplier(name):
    return name.endswith('_multiplier')


def is_gain(name):
    return name.endswith('/gain')


def weight_decay(name, decay):
    """`decay` for matrices, 2e-3 for multipliers, none for gains."""
    if is_multiplier(name):
        return MULTIPLIER_DECAY
    return 0 if is_gain(name) else decay


def schedule(step, steps, warm_up=50):
    """The learning rate's factor: linear warm-up, constant, and in the last fifth a decay by 8."""
    if step < warm_up:
        return (step + 1) / warm_up
    if step < 0.8 * steps:
        return 1
    return 8 ** (-(step - 0.8 * steps) / (0.2 * steps))


class Trainer:
    def __init__(self, weights, config, learning_rate, decay, schedule):
        self.weights, self.config = weights, config
        groups = [{'params': [w], 'weight_decay': weight_decay(name, decay)} for name, w in weights.items()]
        self.optimizer = torch.optim.AdamW(groups, learning_rate, betas=(0.9, 0.95), eps=1e-8)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, schedule)
        # Early on the multipliers' gradients dwarf all others: counted, they would clip everything
        # away (paper, sec. 4.3).
        self.clipped = [w for name, w in weights.items() if not is_multiplier(name)]

    def step(self, ids, targets):
        """One update; returns the loss before it."""
        value = loss(self.weights, self.config, ids, targets)
        self.optimizer.zero_grad()
        value.backward()
        # g <- g * min(1, 1 / (norm + 1e-6)), one norm over all clipped weights.
        torch.nn.utils.clip_grad_norm_(self.clipped, 1.0)
        self.optimizer.step()
        self.scheduler.step()
        return value.item()
