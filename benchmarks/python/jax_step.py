"""A training step of the demo's model in JAX, one jit for all of it."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from serve import serve

RATE = 1e-3
BETA1, BETA2, EPSILON = 0.9, 0.95, 1e-8
NORM_EPSILON = 1e-6
ROTARY_BASE = 10000
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def initial_weights(settings):
    size, rng = settings['size'], np.random.default_rng(1)
    v, d, m = settings['vocabulary'], size['width'], size['mlp']
    shapes = {'embedding': (v, d), 'head': (d, v)}
    for i in range(size['blocks']):
        shapes |= {f'{i}/{part}': (d, d) for part in ('query', 'key', 'value', 'output')}
        shapes |= {f'{i}/gate': (d, m), f'{i}/up': (d, m), f'{i}/down': (m, d)}
    weights = {}
    for name, shape in shapes.items():
        deviation = 0.02 if name == 'embedding' else 1 / math.sqrt(shape[0])
        weights[name] = rng.normal(0, deviation, shape).astype('float32')
        if settings['multipliers']:
            weights[f'{name}/column'] = np.ones((shape[0], 1), 'float32')
            if name != 'head':
                weights[f'{name}/row'] = np.ones(shape[1], 'float32')
    for i in range(size['blocks']):
        weights |= {f'{i}/{norm}': np.ones(d, 'float32') for norm in ('attention_norm', 'mlp_norm')}
    weights['norm'] = np.ones(d, 'float32')
    return {name: jnp.asarray(weight) for name, weight in weights.items()}


def loss_of(size):
    heads = size['heads']
    half = size['width'] // heads // 2
    frequencies = ROTARY_BASE ** (-np.arange(half) / half)
    angles = np.arange(size['context'])[:, None] * frequencies
    cos, sin = jnp.asarray(np.cos(angles), 'float32'), jnp.asarray(np.sin(angles), 'float32')
    mask = jnp.asarray(np.tril(np.ones((size['context'],) * 2, bool)))

    def norm(x, gain):
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + NORM_EPSILON) * gain

    def rotate(x):
        a, b = jnp.split(x, 2, -1)
        return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def loss(weights, x, y):
        def matrix(name):
            factors = [weights[key] for key in (f'{name}/row', f'{name}/column') if key in weights]
            return math.prod(factors, start=weights[name])

        def split(t):
            return t.reshape(*t.shape[:2], heads, -1).swapaxes(1, 2)

        t = matrix('embedding')[x]
        for i in range(size['blocks']):
            h = norm(t, weights[f'{i}/attention_norm'])
            q, k, v = (split(h @ matrix(f'{i}/{part}')) for part in ('query', 'key', 'value'))
            scores = rotate(q) @ rotate(k).swapaxes(-1, -2) / math.sqrt(q.shape[-1])
            a = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf)) @ v
            t = t + a.swapaxes(1, 2).reshape(t.shape) @ matrix(f'{i}/output')
            h = norm(t, weights[f'{i}/mlp_norm'])
            t = t + (jax.nn.silu(h @ matrix(f'{i}/gate')) * (h @ matrix(f'{i}/up'))) @ matrix(f'{i}/down')
        logits = jax.nn.log_softmax(norm(t, weights['norm']) @ matrix('head'))
        return -jnp.mean(jnp.take_along_axis(logits, y[..., None], -1))

    return loss


def orthogonalize(g):
    a, b, c = NEWTON_SCHULZ
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (jnp.linalg.norm(x) + 1e-7)
    for _ in range(5):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def prepare(settings):
    weights = initial_weights(settings)
    loss = loss_of(settings['size'])
    rng = np.random.default_rng(2)
    shape = (settings['size']['batch'], settings['size']['context'])
    x, y = (jnp.asarray(rng.integers(settings['vocabulary'], size=shape)) for _ in range(2))
    is_muon = settings['optimizer'] == 'muon'

    def is_hidden(name):
        return is_muon and name[0].isdigit() and weights[name].ndim == 2 and name.count('/') == 1

    hidden = {name for name in weights if is_hidden(name)}
    zeros = {name: jnp.zeros_like(weight) for name, weight in weights.items()}

    def step(weights, m, v, t, x, y):
        value, gradients = jax.value_and_grad(loss)(weights, x, y)
        c1, c2 = 1 - BETA1**t, 1 - BETA2**t
        for name, g in gradients.items():
            w = weights[name]
            if name in hidden:
                m[name] = 0.95 * m[name] + g
                scale = 0.2 * math.sqrt(max(w.shape))
                weights[name] = w - RATE * scale * orthogonalize(g + 0.95 * m[name])
            else:
                m[name] = BETA1 * m[name] + (1 - BETA1) * g
                v[name] = BETA2 * v[name] + (1 - BETA2) * g * g
                weights[name] = w - RATE * (m[name] / c1) / (jnp.sqrt(v[name] / c2) + EPSILON)
        return value, weights, m, v, t + 1

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    state = [weights, dict(zeros), {name: jnp.zeros_like(w) for name, w in zeros.items()}, jnp.float32(1)]

    def run():
        value, *state[:] = compiled(*state, x, y)
        return float(value)

    return run, f'JAX {jax.__version__}'


serve(prepare)
