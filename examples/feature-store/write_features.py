"""Writes a week of the example's features, as a nightly job would: one Parquet file a day.

    python write_features.py FOLDER [LAST_DAY]

FOLDER is the environment's `featureStore.sources`; LAST_DAY is today unless given, as 2026-01-31.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

CUSTOMERS, DAYS = 1_000, 7


def day(of: datetime) -> pd.DataFrame:
    """The features that are computed at one midnight; the same ones whenever they are computed."""
    rng = np.random.default_rng(of.toordinal())
    # A shop does not hear of every customer every day.
    seen = np.sort(rng.choice(CUSTOMERS, size=CUSTOMERS // 2, replace=False))
    orders = rng.poisson(3, size=len(seen))
    return pd.DataFrame(
        {
            "customer_id": seen.astype("int64"),
            "computed_at": pd.Timestamp(of),
            "orders": orders.astype("int64"),
            "mean_basket": np.where(orders > 0, rng.gamma(2, 20, size=len(seen)), np.nan),
            "segment": np.where(orders > 4, "regular", "occasional"),
        }
    )


def main(folder: str, last: str | None = None) -> None:
    """Write the week that ends with the last day."""
    end = datetime.fromisoformat(last) if last else datetime.now(UTC)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    target = Path(folder) / "customer_orders"
    target.mkdir(parents=True, exist_ok=True)
    for back in range(DAYS):
        of = midnight - timedelta(days=back)
        day(of).to_parquet(target / f"{of:%Y-%m-%d}.parquet", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
