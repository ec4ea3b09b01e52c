"""Placeholders for values that code moves about without a look at them."""

from __future__ import annotations

from typing import Any, NoReturn


class Unseen:
    """Stands for the value at an index of a span. Its class is known, as `isinstance` sees it; any other look raises `Looked`."""

    class Looked(Exception):
        """Some code wanted to know the value at `index`."""

        def __init__(self, index: int) -> None:
            super().__init__(index)
            self.index = index

    def __init__(self, index: int, kind: type) -> None:
        self.index = index
        self._kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class of the value."""
        return self._kind

    def _look(self, *_: Any) -> NoReturn:
        raise Unseen.Looked(self.index)

    def __eq__(self, other: object) -> bool:
        return self is other or self._look()

    def __ne__(self, other: object) -> bool:
        return self is not other and self._look()

    __getattr__ = __getitem__ = __bool__ = __hash__ = __str__ = __repr__ = __format__ = __iter__ = __len__ = _look
    __contains__ = __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __index__ = __reversed__ = __call__ = _look
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __neg__ = __mod__ = __rmod__ = _look
