"""A training step of the demo's model in PyTorch, eager or through torch.compile."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent / '../../apps/demo/reference'))

import torch_mixers  # noqa: E402
from model import Config, initial_weights, loss  # noqa: E402
from serve import serve  # noqa: E402

RATE = 1e-3
BETAS = (0.9, 0.95)


def optimizers(weights, name, fused):
    """Adam for all, or Muon for the matrices of the blocks and Adam for the rest. `fused` is Adam's, Muon has no such form."""
    hidden = [w for key, w in weights.items() if name == 'muon' and key.startswith('block') and key.endswith('/kernel')]
    rest = [w for w in weights.values() if not any(w is other for other in hidden)]
    # By default Adam on a CPU updates weight by weight.
    adam = torch.optim.Adam(rest, lr=RATE, betas=BETAS, **({'fused': True} if fused else {}))
    return [adam, torch.optim.Muon(hidden, lr=RATE, weight_decay=0)] if hidden else [adam]


def prepare(settings):
    size = settings['size']
    if size.get('mixer', 'attention') == 'attention':
        loss_of = loss
        config = Config(settings['vocabulary'], size['width'], size['blocks'], size['heads'], size['mlp'])
        weights = initial_weights(config, settings['multipliers'], 1)
    else:
        loss_of, config = torch_mixers.loss, size
        weights = torch_mixers.initial_weights(size, settings['vocabulary'], settings['multipliers'])
    shape = (size['batch'], size['context'])
    x, y = (torch.randint(settings['vocabulary'], shape) for _ in range(2))
    steppers = optimizers(weights, settings['optimizer'], settings['fused'])
    compiled = torch.compile(loss_of) if settings['compile'] else loss_of

    def step():
        value = compiled(weights, config, x, y)
        value.backward()
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad()
        return value.item()

    return step, f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads'


serve(prepare)
