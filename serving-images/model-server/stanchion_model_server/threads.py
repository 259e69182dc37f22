"""How many threads numerical libraries may start."""

from __future__ import annotations

import os


def one_each() -> None:
    """Give every library one, unless the environment says otherwise.

    One prediction is too small a job to share between threads, and pods get whole cores at best.
    To be called before the libraries are first imported.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
