"""``--engine``, ``--ray-address``, ``--precision`` and ``--device``: where and how a command computes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings

LOCAL, RAY = "local", "ray"

Engine = Annotated[str, typer.Option(help="local, or ray: spread over a cluster.")]
RayAddress = Annotated[str, typer.Option(help="Of a Ray cluster; a new one here if absent.")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def engine_settings(engine: str, ray_address: str, *, precision: str, device: str) -> Settings:
    """Settings with what the options of a command say instead, where they are not empty.

    Raises
    ------
    UserError
        If there is no such engine, or a cluster is named that is not to be used.
    """
    if engine not in (LOCAL, RAY):
        raise UserError(f"There is no engine {engine!r}.", hint=f"Choose {LOCAL} or {RAY}.")
    if ray_address and engine != RAY:
        raise UserError("A Ray cluster is named, but not to be used.", hint=f"Add --engine {RAY}.")
    chosen = {"ray_address": ray_address, "precision": precision, "device": device}
    return replace(Settings.from_environment(), **{name: value for name, value in chosen.items() if value})
