"""What works on each machine of a Ray cluster."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from typing import Any

from esm2amp_core import __version__
from esm2amp_core.errors import UserError


class Actor:
    """Holds a model, loaded once, and applies functions to it."""

    def load(self, version: str, how: bytes) -> None:
        """Load the model.

        Parameters
        ----------
        version : str
            Of the esm2amp that asks.
        how : bytes
            Pickled callable that gives the model; read only once the versions are known to agree.

        Raises
        ------
        UserError
            If it cannot be loaded here, or is another one; the message names the machine.
        """
        here = f"On {socket.gethostname()}"
        if version != __version__:
            raise UserError(f"{here}, esm2amp is {__version__}; the command that asks is {version}.",
                            hint="Install the same version everywhere.")
        try:
            self._model = pickle.loads(how)()
        except UserError as error:
            raise type(error)(f"{here}: {error.message}", hint=error.hint) from None

    def work(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function makes of the model and the arguments."""
        return function(self._model, *arguments)
