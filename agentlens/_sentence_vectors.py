"""Sentence embeddings of briefs, steps and definitions, by any encoder or a static model from a folder on disk; never a download."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from agentlens._errors import AgentLensError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 10_000  # texts
NEEDED = ("model.safetensors", "tokenizer.json", "config.json")


class Encoder(Protocol):
    """What gives each of a list of texts a vector: models of sentence-transformers and of model2vec do, as they are."""

    def encode(self, texts: list[str], /) -> Any:
        """Return an array of a row a text."""


def embed(con: duckdb.DuckDBPyConnection, model: str | os.PathLike[str] | Encoder) -> int:
    """Fill `text_vectors` anew with a vector for every text of `texts_to_embed` that the model gives one other than zero; return how many."""
    import pyarrow as pa

    encoder: Encoder = _load(Path(model)) if isinstance(model, (str, os.PathLike)) else model
    name = (
        str(Path(model))
        if isinstance(model, (str, os.PathLike))
        else f"{type(model).__module__}.{type(model).__qualname__}"
    )
    con.execute("BEGIN")
    try:
        con.execute("DELETE FROM text_vectors")
        reader = con.cursor().execute("FROM texts_to_embed ORDER BY text_hash")
        count = 0
        while rows := reader.fetchmany(AT_ONCE):
            hashes, texts = zip(*rows)
            vectors = _encode(encoder, list(texts))
            known = vectors.any(axis=1)
            listed = pa.FixedSizeListArray.from_arrays(vectors[known].ravel(), vectors.shape[1])
            con.register(
                "arriving_vectors", pa.table({"text_hash": pa.array(hashes).filter(pa.array(known)), "vector": listed})
            )
            con.execute("INSERT INTO text_vectors SELECT text_hash, vector, $model FROM arriving_vectors", {"model": name})  # fmt: skip
            con.unregister("arriving_vectors")
            count += int(known.sum())
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return count


def _encode(encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
    """Return a vector of length 1 for each text, or of zeros; raises AgentLensError when the encoder gives anything else than finite rows."""
    import numpy as np

    try:
        vectors = np.asarray(encoder.encode(texts), dtype=np.float32)
    except (TypeError, ValueError, AttributeError) as error:
        raise AgentLensError(f"{type(encoder).__name__} could not encode a list of texts: {error!r}") from error
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise AgentLensError(
            f"{type(encoder).__name__}.encode gave an array of shape {vectors.shape} for {len(texts):,} texts; it has to give a row of finite numbers a text."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _load(folder: Path) -> Any:
    """Load a model2vec model from a folder; what is missing is said before the library could look for it on the network."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise AgentLensError(
            f"{folder} holds no model2vec model: {', '.join(missing)} is missing. agentlens downloads nothing; fetch a model once, "
            "for example with `huggingface-cli download minishlab/potion-base-8M --local-dir potion-base-8M`, and name its folder. "
            "Other encoders, such as those of sentence-transformers, are given as they are: lens.embed(SentenceTransformer(folder))."
        )
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise AgentLensError("Embeddings need model2vec: install agentlens with its extra `embeddings`.") from error
    from safetensors import SafetensorError

    try:
        json.loads((folder / "tokenizer.json").read_bytes())[
            "model"
        ]  # tokenizers says what is wrong by a bare Exception
        return StaticModel.from_pretrained(folder, force_download=False)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise AgentLensError(f"{folder} could not be loaded as a model2vec model: {error!r}") from error
