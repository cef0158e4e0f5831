"""A small LLaMA: RMSNorm, interleaved rotary positions, grouped-query attention, SwiGLU, tied output."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 640
    width: int = 256
    feed_forward: int = 768
    layers: int = 8
    heads: int = 8
    kv_heads: int = 4
    head_size: int = 32
    rope_base: float = 10000.0
    epsilon: float = 1e-5
    context: int = 2048


def rotary(shape, length):
    """Cosines and sines, [length, head_size / 2]."""
    exponents = torch.arange(0, shape.head_size, 2, dtype=torch.float32) / shape.head_size
    angles = torch.arange(length, dtype=torch.float32)[:, None] * shape.rope_base**-exponents
    return angles.cos(), angles.sin()


def rotate(x, cosine, sine):
    """Turns the pairs (2i, 2i + 1) of the last axis, as GGUF's `llama` architecture does."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1)
    return turned.flatten(-2).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.query_key_value = nn.Linear(shape.width, queries + 2 * keys, bias=False)
        self.attention_output = nn.Linear(queries, shape.width, bias=False)
        self.feed_forward_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.gate_up = nn.Linear(shape.width, 2 * shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x, cosine, sine, cache=None, visible=None):
        shape = self.shape
        heads = self.query_key_value(self.attention_norm(x)).unflatten(-1, (-1, shape.head_size)).transpose(1, 2)
        q, k, v = heads.split((shape.heads, shape.kv_heads, shape.kv_heads), 1)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        if cache is not None:
            k, v = cache(k, v)
        groups = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible, is_causal=visible is None)
        x = x + self.attention_output(mixed.transpose(1, 2).flatten(2))
        gate, up = self.gate_up(self.feed_forward_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        cosine, sine = rotary(shape, shape.context)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
        for layer in self.layers:
            nn.init.normal_(layer.attention_output.weight, std=0.02 / (2 * shape.layers) ** 0.5)
            nn.init.normal_(layer.down.weight, std=0.02 / (2 * shape.layers) ** 0.5)

    def forward(self, ids, taps=()):
        """Logits, [rows, length, vocabulary]; with `taps` also what leaves those layers, [rows, length, width] each."""
        x = self.embedding(ids)
        cosine, sine = self.cosine[: ids.shape[1]], self.sine[: ids.shape[1]]
        tapped = []
        for index, layer in enumerate(self.layers):
            x = layer(x, cosine, sine)
            if index in taps:
                tapped.append(x)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return (logits, *tapped) if taps else logits

    @torch.inference_mode()
    def generate(self, prompts, limit, temperature=0.0, eos=2, generator=None):
        """Continues every prompt (a list of ids) until `eos` or `limit` tokens in all; returns what was added."""
        count = len(prompts)
        size = (count, self.shape.kv_heads, limit, self.shape.head_size)
        stores = [(torch.zeros(size), torch.zeros(size)) for _ in self.layers]
        ids = torch.tensor([prompt[0] for prompt in prompts])
        added = [[] for _ in prompts]
        done = [False] * count
        for position in range(limit - 1):
            x = self.embedding(ids)[:, None]
            cosine, sine = self.cosine[position : position + 1], self.sine[position : position + 1]
            for layer, (keys, values) in zip(self.layers, stores):

                def cache(k, v, keys=keys, values=values):
                    keys[:, :, position], values[:, :, position] = k[:, :, 0], v[:, :, 0]
                    return keys[:, :, : position + 1], values[:, :, : position + 1]

                x = layer(x, cosine, sine, cache, torch.ones(1, position + 1, dtype=torch.bool))
            logits = F.linear(self.norm(x[:, 0]), self.embedding.weight)
            if temperature:
                chosen = torch.multinomial(F.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]
            else:
                chosen = logits.argmax(-1)
            for row, prompt in enumerate(prompts):
                if position + 1 < len(prompt):
                    chosen[row] = prompt[position + 1]
                elif not done[row]:
                    token = int(chosen[row])
                    done[row] = token == eos
                    if token != eos:
                        added[row].append(token)
            if all(done):
                break
            ids = chosen
        return added
