"""A training step of a multilayer perceptron in PyTorch, with Adam, ReLU between the layers and the mean squared error."""

import itertools

import torch
from serve import serve


def prepare(settings):
    """`sizes`: inputs, units of each layer; `batch`."""
    sizes, batch = settings['sizes'], settings['batch']
    dense = [torch.nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
    model = torch.nn.Sequential(*(part for layer in dense for part in (layer, torch.nn.ReLU())))[:-1]
    x, y = torch.randn(batch, sizes[0]), torch.randn(batch, sizes[-1])
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.95))

    def step():
        value = torch.nn.functional.mse_loss(model(x), y)
        value.backward()
        adam.step()
        adam.zero_grad()
        return value.item()

    return step, f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads'


serve(prepare)
