"""Sentence embeddings of briefs, steps and definitions, by a static model from a folder on disk: an extra, and never a download."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from agentlens._errors import AgentLensError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 10_000  # texts
NEEDED = ("model.safetensors", "tokenizer.json", "config.json")


def embed(con: duckdb.DuckDBPyConnection, model: str | os.PathLike[str]) -> int:
    """Fill `text_vectors` anew with a vector for every text of `texts_to_embed` of which the model knows a word; return how many."""
    import pyarrow as pa

    folder = Path(model)
    loaded = _load(folder)
    con.execute("BEGIN")
    try:
        con.execute("DELETE FROM text_vectors")
        reader = con.cursor().execute("FROM texts_to_embed ORDER BY text_hash")
        count = 0
        while rows := reader.fetchmany(AT_ONCE):
            hashes, texts = zip(*rows)
            vectors = _encode(loaded, list(texts))
            known = vectors.any(axis=1)
            listed = pa.FixedSizeListArray.from_arrays(vectors[known].ravel(), loaded.dim)
            con.register(
                "arriving_vectors", pa.table({"text_hash": pa.array(hashes).filter(pa.array(known)), "vector": listed})
            )
            con.execute("INSERT INTO text_vectors SELECT text_hash, vector, $model FROM arriving_vectors", {"model": str(folder)})  # fmt: skip
            con.unregister("arriving_vectors")
            count += int(known.sum())
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return count


def _encode(model: Any, texts: list[str]) -> NDArray[np.float32]:
    import numpy as np

    vectors = np.asarray(model.encode(texts, use_multiprocessing=False), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _load(folder: Path) -> Any:
    """Load a model2vec model from a folder; what is missing is said before the library could look for it on the network."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise AgentLensError(
            f"{folder} holds no model2vec model: {', '.join(missing)} is missing. agentlens downloads nothing; fetch a model once, "
            "for example with `huggingface-cli download minishlab/potion-base-8M --local-dir potion-base-8M`, and name its folder."
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
