"""What this machine could do at best: the rates of a large matrix product and of a large copy."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from esm2amp_core.bfloat16 import computes_bfloat16

PRECISIONS = {"float32": torch.float32}
"""Those that the processor multiplies matrices in; others it would only emulate, many times slower."""
if computes_bfloat16(torch.device("cpu")):
    PRECISIONS["bfloat16"] = torch.bfloat16


def seconds(work: Callable[[], object], *, repeats: int = 3) -> float:
    """Median time of one call, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return median(times)


@torch.inference_mode()
def product_rate(precision: str, *, size: int = 4096, repeats: int = 5) -> float:
    """Floating-point operations per second of a square matrix product."""
    a, b = (torch.randn(size, size).to(PRECISIONS[precision]) for _ in range(2))
    return 2 * size**3 / seconds(lambda: a @ b, repeats=repeats)


def copy_rate(*, megabytes: int = 256) -> float:
    """Bytes per second read and written by a large copy."""
    source, target = (torch.ones(megabytes * 1_000_000 // 4) for _ in range(2))
    return 2 * source.nbytes / seconds(lambda: target.copy_(source), repeats=5)


def ceilings() -> dict[str, float]:
    """Rates of the machine, measured now."""
    rates = {f"product_{name}": product_rate(name) for name in PRECISIONS}
    return {**rates, "copy": copy_rate()}


def words_of(rates: dict[str, float]) -> str:
    """`ceilings` in a line."""
    products = ", ".join(f"{rates[f'product_{name}'] / 1e9:,.0f} {name}" for name in PRECISIONS)
    without = "" if "bfloat16" in PRECISIONS else " (no bfloat16 on this processor)"
    return f"ceiling: products in GFLOP/s: {products}{without}; copy {rates['copy'] / 1e9:.1f} GB/s"


def describe() -> dict[str, object]:
    """The machine in words."""
    found = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(),
             "threads": torch.get_num_threads(), "torch": torch.__version__, "load": os.getloadavg()[0],
             "instructions": sorted(name for name, there in torch.cpu.get_capabilities().items()
                                    if there is True)}  # fmt: skip
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text(encoding="utf-8").splitlines()
                  if line.startswith("model name")]  # fmt: skip
        found["processor"] = models[0] if models else found["processor"]
    return found
