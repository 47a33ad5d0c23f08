"""Words as hashes."""

import numpy as np

from envs.text import hash_words

BABYAI = (
    "a after ahead and balls blue box boxes close door far first from front get go green grey in "
    "key keys left next object objects of on open pick put purple red right room shape simple the "
    "then tiny to twice up yellow you your ball"
)


def test_every_word_has_hashes_of_its_own() -> None:
    codes = {tuple(hash_words(word, 1)[0].tolist()) for word in BABYAI.split()}
    assert len(codes) == len(BABYAI.split())
    assert min(map(min, codes)) > 0


def test_texts_are_cut_and_filled_up_with_zeros() -> None:
    text = hash_words("Go to the red ball!", 8)
    assert np.array_equal(text, hash_words("go to  the RED ball !", 8))
    assert (text[6:] == 0).all()
    assert (text[:6] > 0).all()
    assert np.array_equal(text[:2], hash_words("go to the red ball", 2))
