"""Sparse n-gram features without a vocabulary to carry: hashed, filtered by frequency, weighted."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix
    from sklearn.pipeline import Pipeline


_COMPONENT_MIN_DOCUMENT_FREQUENCY = 2
_COMPONENT_MAX_TERMS = 100_000


class FrequentTerms(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps the hashed terms that enough training documents contain.

    With a wide hash (2**20) few frequent terms collide, and what is dropped here is what
    `min_df` and `max_features` of a vocabulary would drop, but nothing has to be stored per word.

    Args:
        min_document_frequency: Documents that must contain a term.
        max_features: Terms kept at the most, the most frequent first.
        min_features: Columns kept at the least, rare or even empty ones where terms are few.
    """

    def __init__(
        self,
        min_document_frequency: int = 2,
        max_features: int = 200_000,
        min_features: int = 1,
    ) -> None:
        self.min_document_frequency = min_document_frequency
        self.max_features = max_features
        self.min_features = min_features

    def fit(self, matrix: "csr_matrix", label: Any = None) -> Self:
        """Learns which columns of the (documents, hashed terms) matrix to keep."""
        del label
        frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])
        kept = np.flatnonzero(frequency >= self.min_document_frequency)
        wanted = max(min(len(kept), self.max_features), self.min_features)
        if len(kept) != wanted:
            by_frequency = np.argsort(-frequency, kind="stable")
            kept = np.sort(by_frequency[:wanted])
        self.kept_: NDArray[np.int64] = kept
        return self

    def transform(self, matrix: "csr_matrix") -> "csr_matrix":
        """The kept columns, (documents, kept terms)."""
        return matrix[:, self.kept_]


def ngram_features(
    *,
    ngrams: int,
    min_document_frequency: int,
    max_features: int,
    hash_bits: int,
    min_features: int = 1,
) -> "Pipeline":
    """A pipeline from texts to sublinear tf-idf of their word n-grams, (n, terms) sparse."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        HashingVectorizer(
            ngram_range=(1, ngrams),
            n_features=2**hash_bits,
            alternate_sign=False,
            norm=None,
            dtype=np.float32,
        ),
        FrequentTerms(min_document_frequency, max_features, min_features),
        TfidfTransformer(sublinear_tf=True),
    )


def text_components(components: int, hash_bits: int, *, seed: int) -> "Pipeline":
    """Latent semantic components of a text's n-grams: dense and few, as trees want them."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.pipeline import make_pipeline

    components = min(components, 2**hash_bits)
    return make_pipeline(
        ngram_features(
            ngrams=2,
            min_document_frequency=_COMPONENT_MIN_DOCUMENT_FREQUENCY,
            max_features=_COMPONENT_MAX_TERMS,
            hash_bits=hash_bits,
            # The decomposition takes no fewer columns than it gives, and no single one.
            min_features=max(components, 2),
        ),
        TruncatedSVD(components, n_iter=3, random_state=seed),
    )
