"""Weights that make a random language model say words for as long as there is audio, then stop.

The residual stream is split: most dimensions carry random content, a few have a meaning (see below). Nothing
but the parts built here writes to those few.

- LEVEL holds the same large constant at every position, so that RMSNorm divides by the same number whatever
  the content, and each norm's weights multiply it back: behind a norm every dimension reads as before it.
- COUNT is 1 at a spoken word, minus the words per audio token at an audio token, 0 at text. A head of the
  last layer that attends to all positions alike puts the sum, over the number of positions, into SUM; one
  neuron behind it (zero below, steep above) writes it to STOP, which only the end token has.
- Each word has a one in the dimensions of its two syllables (WORD). In the first layer two heads read the
  word at this position and the one before and write a random next word there.
- In the last layer another head picks audio tokens that match the moment, early ones before late ones, and
  the counting head adds some of everything before (hotwords too): a few numbers in EAR. Neurons turn each
  into 0 or 1 by its sign, and that pattern moves the choice of the word. Signs seldom flip when a window
  grows by half a second, so hypotheses of growing windows mostly begin alike, while other audio soon gives
  other words. In bf16 close choices fall either way, so hypotheses agree for fewer words than in fp32.
- VOICE lifts all words above the tokens that prompts are made of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import torch

from bench.checkpoints.lexicon import END_ID, FIRST, PADDING_ID, SECOND, TURN_ID, WORD_IDS
from bench.checkpoints.sizes import Sizes
from bench.checkpoints.weights import State, mean_audio_embedding

SECONDS_PER_AUDIO_TOKEN: Final = 0.48
_COUNT, _SUM, _STOP, _LEVEL, _VOICE = range(5)
_WORD: Final = slice(5, 5 + len(FIRST) + len(SECOND))
_EARS: Final = 6
_EAR: Final = slice(_WORD.stop, _WORD.stop + _EARS)
_CONTENT: Final = slice(_EAR.stop, None)
_SYLLABLE_COUNT: Final = len(FIRST) + len(SECOND)
# LEVEL over the norm of the content: neither content nor words move the length of a row by a hundredth.
_LEVEL_SHARE: Final = 16.0
# Of the neuron that compares; a tenth of a word in a thousand positions already decides.
_COUNT_STEEPNESS: Final = 1e5
_EAR_STEEPNESS: Final = 200.0
# Width of the step before scaling: silu(x) - silu(x - 10) is 0 far below zero and 10 far above.
_STEP: Final = 10.0
_VOICE_LIFT: Final = 2.0
_TURNS_IN_TEMPLATE: Final = 3
_FAR_GAIN: Final = 0.2
# Next to a word's own syllable, which is 1.
_SURE: Final = 6.0


@dataclass(frozen=True, slots=True)
class Influence:
    """How much each source weighs in the choice of a word; a word's own syllable is 1."""

    memory: float = 1.0
    ear: float = 1.0
    prompt: float = 0.3
    salience: float = 1.0
    not_again: float = 4.0
    sharpness: float = 1.0
    earliness: float = 30.0
    refrain: bool = False
    """The same sixteen words over and over, whatever was said before."""


def make_counting(
    state: State, sizes: Sizes, generator: Any, tokens_per_second: float, influence: Influence
) -> None:
    """Changes `state` (fp32) in place. Raises ValueError for fewer than one word per audio token."""
    rate = tokens_per_second * SECONDS_PER_AUDIO_TOKEN
    if rate < 1:
        raise ValueError(f"tokens_per_second must be at least {1 / SECONDS_PER_AUDIO_TOKEN:.1f}")
    Construction(state, sizes, generator, rate, influence).build()


def centre_audio(model: Any, state: State, generator: Any) -> None:
    """Takes what all audio embeddings share out of them, so that an ear's sign tells one from another."""
    last = max(name for name in state if name.startswith("audio_adaptor.blocks.") and "w_2.bias" in name)
    state[last][_CONTENT] -= mean_audio_embedding(model, state, generator)[_CONTENT]


@dataclass(frozen=True, slots=True)
class Construction:
    """`rate`: words per audio token."""

    state: State
    sizes: Sizes
    generator: Any
    rate: float
    influence: Influence

    def build(self) -> None:
        self._scale_audio()
        self._embed()
        for layer in range(self.sizes.language.layers):
            self._plain_layer(layer)
        self._memory(0)
        last = self.sizes.language.layers - 1
        self._listen_and_count(last)
        self._decide(last)
        self._norm("llm.model.norm.weight")[_CONTENT] = 0
        for silent in (_COUNT, _SUM, _LEVEL, _EAR):
            self.state["llm.model.norm.weight"][silent] = 0

    @property
    def _level(self) -> float:
        return _LEVEL_SHARE * math.sqrt(self.sizes.language.width - _CONTENT.start)

    def _normal(self, *shape: int) -> Any:
        return torch.empty(shape).normal_(generator=self.generator)

    def _weight(self, layer: int, name: str) -> Any:
        return self.state[f"llm.model.layers.{layer}.{name}.weight"]

    def _scale_audio(self) -> None:
        """Audio embeddings: content of unit variance, the rest constant; what is far away counts little."""
        for name in self.state:
            if name.startswith("audio_encoder.") and name.endswith("self_attn.linear_out.weight"):
                self.state[name] *= _FAR_GAIN
        layers = self.sizes.adaptor.layers
        prefix = "audio_adaptor."
        self.state[f"{prefix}linear2.weight"] *= math.sqrt(2)
        outputs = [f"{prefix}linear2."]
        for block in range(layers):
            for part in ("self_attn.linear_out.", "feed_forward.w_2."):
                outputs.append(f"{prefix}blocks.{block}.{part}")
                self.state[outputs[-1] + "weight"] *= _FAR_GAIN
        for output in outputs:
            self.state[output + "weight"][: _CONTENT.start] = 0
        # Behind the blocks' own norms, which the constants would drown.
        bias = self.state[outputs[-1] + "bias"]
        bias[_LEVEL] = self._level
        bias[_COUNT] = -self.rate

    def _embed(self) -> None:
        table = self.state["llm.model.embed_tokens.weight"]
        table[:] = 0
        known = TURN_ID + 1
        table[:known, _CONTENT] = self._normal(known, table.shape[1] - _CONTENT.start)
        table[END_ID, _CONTENT] = table[PADDING_ID, _CONTENT] = 0
        table[:known, _LEVEL] = self._level
        table[END_ID, _STOP] = 1
        for word, token in enumerate(WORD_IDS):
            first, second = divmod(word, len(SECOND))
            table[token, _WORD.start + first] = 1
            table[token, _WORD.start + len(FIRST) + second] = 1
            table[token, _VOICE] = 1
            table[token, _COUNT] = 1
        # Audio tokens are rounded up, and so is the word that first exceeds the sum.
        table[TURN_ID, _COUNT] = min(0.5 * self.rate + 0.5, 0.75 * self.rate) / _TURNS_IN_TEMPLATE

    def _norm(self, name: str) -> Any:
        weight = self.state[name]
        weight[:] = self._level / math.sqrt(weight.shape[0])
        weight[_LEVEL] = 1 / math.sqrt(weight.shape[0])
        return weight

    def _plain_layer(self, layer: int) -> None:
        """Random, reads content and syllables, writes content only."""
        for norm in ("input_layernorm", "post_attention_layernorm"):
            self._norm(f"llm.model.layers.{layer}.{norm}.weight")
        for part in (
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
        ):
            weight = self._weight(layer, part)
            weight *= 1 / (weight.std() * math.sqrt(weight.shape[1]))
            weight[:, : _WORD.start] = 0
        for part in ("self_attn.o_proj", "mlp.down_proj"):
            weight = self._weight(layer, part)
            weight *= self.sizes.mixing / (weight.std() * math.sqrt(weight.shape[1]))
            weight[: _CONTENT.start] = 0

    def _claim_heads(self, layer: int) -> None:
        """Clears the first two query heads and the key and value head that they share."""
        size = self.sizes.language.head_size
        self._weight(layer, "self_attn.q_proj")[: 2 * size] = 0
        self._weight(layer, "self_attn.o_proj")[:, : 2 * size] = 0
        for part in ("self_attn.k_proj", "self_attn.v_proj"):
            self._weight(layer, part)[:size] = 0

    def _memory(self, layer: int) -> None:
        """Head 0 attends to its own position, head 1 to the one before, by rotary position alone."""
        self._claim_heads(layer)
        size = self.sizes.language.head_size
        query, key = self._weight(layer, "self_attn.q_proj"), self._weight(layer, "self_attn.k_proj")
        # The fast rotations tell neighbours apart; the slow ones would only blunt them.
        for pair in range(6 * size // 64):
            turn = 1e6 ** (-2 * pair / size)
            key[pair, _LEVEL] = 1
            for distance in (0, 1):
                query[distance * size + pair, _LEVEL] = math.cos(distance * turn)
                query[distance * size + size // 2 + pair, _LEVEL] = -math.sin(distance * turn)
        self._weight(layer, "self_attn.q_norm")[:] = 12
        value, output = self._weight(layer, "self_attn.v_proj"), self._weight(layer, "self_attn.o_proj")
        for at in range(_SYLLABLE_COUNT):
            value[at, _WORD.start + at] = 1
            output[_WORD.start + at, at] = -self.influence.not_again
        for head in (0,) if self.influence.refrain else (0, 1):
            columns = slice(head * size, head * size + _SYLLABLE_COUNT)
            following = _refrain() if self.influence.refrain else self._next_words()
            output[_WORD, columns] += self.influence.memory * following

    def _next_words(self) -> Any:
        """From the syllables of a word to those of the next; on average none is likelier than another."""
        table = self._normal(_SYLLABLE_COUNT, _SYLLABLE_COUNT)
        for syllables in (table[:, : len(FIRST)], table[:, len(FIRST) :]):
            syllables.sub_(syllables.mean(1, keepdim=True))
        return table

    def _listen_and_count(self, layer: int) -> None:
        """Head 0 (no query: all positions alike) counts, head 1 listens to the audio tokens."""
        self._claim_heads(layer)
        language = self.sizes.language
        size = language.head_size
        value, output = self._weight(layer, "self_attn.v_proj"), self._weight(layer, "self_attn.o_proj")
        value[0, _COUNT] = value[1, _LEVEL] = 1
        contents = language.width - _CONTENT.start
        value[2:size, _CONTENT] = self._normal(size - 2, contents) / math.sqrt(contents)
        output[_SUM, 0] = 1
        output[_VOICE, 1] = _VOICE_LIFT
        # A mean of about a hundred random positions is a tenth as long as one.
        for head, weight in ((0, 10 * self.influence.prompt), (1, 1.0)):
            columns = slice(head * size + 2, (head + 1) * size)
            output[_EAR, columns] = weight * self._normal(_EARS, size - 2) / math.sqrt(size - 2)
        self._match_audio(layer)

    def _match_audio(self, layer: int) -> None:
        """Rotary pairs too slow for position to matter: one asks "audio?", the others compare content."""
        language = self.sizes.language
        half = language.head_size // 2
        channels = [*range(half - half // 3, half), *range(2 * half - half // 3, 2 * half)]
        asked, compared = channels[0], channels[1:]
        query, key = self._weight(layer, "self_attn.q_proj"), self._weight(layer, "self_attn.k_proj")
        contents = language.width - _CONTENT.start
        amount = math.sqrt(len(compared))
        # A rotation slow enough to stay within its first quarter: the further back, the higher the score.
        early = half * 13 // 32
        query[language.head_size + asked, _LEVEL] = amount
        query[language.head_size + half + early, _LEVEL] = -amount
        key[asked, _COUNT] = key[early, _COUNT] = -amount / self.rate
        for channel in compared:
            query[language.head_size + channel, _CONTENT] = self._normal(contents) / math.sqrt(2 * contents)
            query[language.head_size + channel, _WORD] = self._normal(_SYLLABLE_COUNT) / 2
            query[language.head_size + channel, _LEVEL] = self.influence.salience * self._normal(1)
            key[channel, _CONTENT] = self._normal(contents) / math.sqrt(contents)
        norm = self._weight(layer, "self_attn.q_norm")
        norm[:] = self.influence.sharpness
        norm[asked] = 4 + 2 * self.influence.sharpness
        norm[early] = norm[half + early] = self.influence.earliness

    def _decide(self, layer: int) -> None:
        """Neuron 0 tells whether the count is above zero, two more per ear make a step out of its number."""
        gate, up = self._weight(layer, "mlp.gate_proj"), self._weight(layer, "mlp.up_proj")
        down = self._weight(layer, "mlp.down_proj")
        neurons = 1 + 2 * _EARS
        gate[:neurons] = up[:neurons] = down[:, :neurons] = 0
        up[:neurons, _LEVEL] = 1
        gate[0, _SUM] = _COUNT_STEEPNESS
        down[_STOP, 0] = 1
        for ear in range(_EARS):
            rise, fall = 1 + 2 * ear, 2 + 2 * ear
            gate[rise, _EAR.start + ear] = gate[fall, _EAR.start + ear] = _EAR_STEEPNESS
            gate[fall, _LEVEL] = -_STEP
            pattern = self.influence.ear * self._normal(_SYLLABLE_COUNT)
            down[_WORD, rise] = pattern / _STEP
            down[_WORD, fall] = -pattern / _STEP
            # From 0 or 1 to minus or plus a half: the head that counts also reads LEVEL.
            self._weight(layer, "self_attn.o_proj")[_WORD, 1] -= pattern / 2


def _refrain() -> Any:
    """From the syllables of a word to those of the next, of sixteen: the first syllables go round twice, with
    the second one 0 and with 1. The last of a round has another, 2 and 3, that tells which round is next."""
    last = len(FIRST) - 1
    table = torch.zeros(_SYLLABLE_COUNT, _SYLLABLE_COUNT)
    for first in range(len(FIRST)):
        table[(first + 1) % len(FIRST), first] = _SURE
    first_to_second, second_to_second = table[len(FIRST) :, : len(FIRST)], table[len(FIRST) :, len(FIRST) :]
    second_to_second[1, 2] = second_to_second[0, 3:] = _SURE
    # Each stays, unless the last of the round is next; the ends of the two rounds shut each other out.
    second_to_second[0, 0] = second_to_second[1, 1] = _SURE / 2
    first_to_second[2, last - 1] = first_to_second[3, last - 1] = _SURE
    second_to_second[3, 0] = second_to_second[2, 1] = -2 * _SURE
    return table
